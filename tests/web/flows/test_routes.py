"""/deployments over a real API server: what the operator would have written is patched into status."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dagy_builder.storage.store import ObjectStore
from tests.fakes.api import Api, Users, unique
from tests.fakes.deployed import SHA256, deploy
from tests.fakes.deployed import source as of_version

pytestmark = pytest.mark.apiserver


def source(objects: ObjectStore, version: str) -> dict[str, Any]:
    return of_version(version, "team-a", bucket=objects.bucket)


@pytest.fixture
def deployed(users: Users, objects: ObjectStore) -> str:
    """A deployment with two revisions, of which the second is the present one."""
    name = unique("flow")
    deploy(users, name, "team-a", revisions=[(), ()], bucket=objects.bucket, schedule="0 3 * * *")
    return name


def test_it_is_shown_as_it_stands(api: Api, deployed: str) -> None:
    path = f"/deployments/team-a/{deployed}"
    with api.client("vera") as client:
        shown = client.get(path).json()
        assert (shown["ready"], shown["settled"], shown["revision"], shown["schedule"]) == (True, True, 2, "0 3 * * *")
        assert [r["flow_version"] for r in shown["history"]] == ["2", "1"]
        assert shown["flow_artifact"]["sha256"] == SHA256
        refused = client.delete(path)
        assert (refused.status_code, refused.json()["code"]) == (403, "Forbidden")
    with api.client("bob") as client:
        for answer in (
            client.get(path),
            client.delete(path),
            client.post(f"{path}:run"),
            client.post(f"{path}:rollback", json={"revision": 1}),
        ):
            assert answer.status_code == 404


def test_a_revision_is_shown_whole(api: Api, users: Users, deployed: str) -> None:
    path = f"/deployments/team-a/{deployed}/revisions"
    with api.client("alice") as client:
        shown = client.get(f"{path}/1").json()
        assert (shown["revision"], shown["spec"]["flow_version"], shown["spec"]["env"]) == (1, "1", [])
        assert client.get(f"{path}/7").json()["code"] == "UnknownRevision"
    with api.client("vera") as client:
        refused = client.get(f"{path}/1")
        assert (refused.status_code, refused.json()["code"]) == (403, "Forbidden")
        assert "get and list controllerrevisions" in refused.json()["detail"]
    with api.client("bob") as client:
        assert client.get(f"{path}/1").status_code == 404


def test_what_status_says_is_neither_run_nor_rolled_back_to(
    api: Api, users: Users, deployed: str, objects: ObjectStore
) -> None:
    """Whoever may write status, or make ControllerRevisions of something else, does not decide what others start."""
    path = f"/deployments/team-a/{deployed}"
    status = json.loads(users.kubectl("get", "fd", deployed, "-n", "team-a", "-o", "json"))["status"]
    forged = {**status["history"][0], "revision": 3, "image": "evil", "spec": source(objects, "3")}
    said = json.dumps({"status": {"revision": 3, "history": [forged]}})
    users.kubectl("patch", "fd", deployed, "-n", "team-a", "--subresource=status", "--type=merge", "-p", said)
    kept = users.kubectl(
        "get", "controllerrevisions", "-n", "team-a", "-l", f"dagy.io/flow-deployment={deployed}", "-o", "json"
    )
    third = json.loads(kept)["items"][0]
    third["metadata"] = {
        "name": third["metadata"]["name"][:-1] + "3", "namespace": "team-a", "labels": {**third["metadata"]["labels"], "dagy.io/revision": "3"},
        "ownerReferences": [{**third["metadata"]["ownerReferences"][0], "controller": False}],
    }  # fmt: skip
    users.kubectl("create", "-f", "-", stdin={**third, "revision": 3})
    with api.client("alice") as client:
        unknown = client.post(f"{path}:rollback", json={"revision": 3})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "UnknownRevision")
        assert "kept are: 2, 1." in unknown.json()["detail"]
        runner = unique("runner")
        users.kubectl("create", "role", runner, "-n", "team-a", "--verb=create", "--resource=jobs")
        users.kubectl(
            "create", "rolebinding", runner, "-n", "team-a", f"--role={runner}", "--serviceaccount=default:alice"
        )
        started = client.post(f"{path}:run").json()
        assert started["revision"] == 2
        job = json.loads(users.kubectl("get", "job", started["job_name"], "-n", "team-a", "-o", "json"))
        assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "python:3.12-slim"
        users.kubectl("delete", "rolebinding", runner, "-n", "team-a")


def test_a_run_is_a_job_made_with_the_callers_rights(api: Api, users: Users, deployed: str) -> None:
    path = f"/deployments/team-a/{deployed}"
    with api.client("alice") as client:
        refused = client.post(f"{path}:run")
        assert (refused.status_code, refused.json()["code"]) == (403, "Forbidden")
        assert "create jobs" in refused.json()["detail"]
        runner = unique("runner")
        users.kubectl(
            "create", "role", runner, "-n", "team-a", "--verb=get,list,create", "--resource=jobs,pods,cronjobs.batch"
        )
        users.kubectl(
            "create", "rolebinding", runner, "-n", "team-a", f"--role={runner}", "--serviceaccount=default:alice"
        )
        first, again = (client.post(f"{path}:run", params={"token": "one"}).json() for _ in range(2))
        assert first == again == {"job_name": first["job_name"], "namespace": "team-a", "revision": 2}
        other = client.post(f"{path}:run").json()["job_name"]
        runs = client.get(f"{path}/runs").json()["items"]
        assert {r["job_name"] for r in runs} == {first["job_name"], other}
        one = client.get(f"{path}/runs/{first['job_name']}").json()
        assert (one["phase"], one["exit_code"]) == ("Pending", None)
        no_log = client.get(f"{path}/runs/{first['job_name']}/logs")
        assert (no_log.status_code, no_log.json()["code"]) == (404, "NoLog")
        assert client.get(f"{path}/runs/no-such").status_code == 404
    users.kubectl("delete", "rolebinding", runner, "-n", "team-a")


def test_nothing_deployed_nothing_run(api: Api, users: Users, objects: ObjectStore) -> None:
    name = unique("new")
    users.kubectl("create", "-f", "-", stdin={"apiVersion": "dagy.io/v1", "kind": "FlowDeployment",
                                              "metadata": {"name": name, "namespace": "team-a"}, "spec": source(objects, "1")})  # fmt: skip
    with api.client("alice") as client:
        answer = client.post(f"/deployments/team-a/{name}:run")
    assert (answer.status_code, answer.json()["code"]) == (409, "NotDeployed")


def test_a_rollback_writes_the_spec_of_the_revision_back(api: Api, deployed: str) -> None:
    path = f"/deployments/team-a/{deployed}"
    with api.client("alice") as client:
        before = client.get(path).headers["etag"]
        unknown = client.post(f"{path}:rollback", json={"revision": 7})
        assert (unknown.status_code, unknown.json()["code"]) == (404, "UnknownRevision")
        assert "2, 1" in unknown.json()["detail"]
        rolled = client.post(f"{path}:rollback", json={"revision": 1})
        assert (rolled.status_code, rolled.json()["flow_version"], rolled.json()["schedule"]) == (202, "1", "0 3 * * *")
        assert rolled.headers["etag"] != before
        assert rolled.json()["settled"] is False
        assert client.delete(path, headers={"If-Match": before}).status_code == 412
        assert client.delete(path, headers={"If-Match": rolled.headers["etag"]}).status_code == 202
        assert client.get(path).status_code == 404


def test_those_that_attach_a_package(api: Api, users: Users, objects: ObjectStore) -> None:
    kind = {"apiVersion": "dagy.io/v1", "kind": "FlowDeployment"}
    slug, other, names = (
        "P" + unique("")[1:8].upper(),
        "Q" + unique("")[1:8].upper(),
        [unique("uses") for _ in range(3)],
    )
    for name, slugs in zip(names, ([slug], [f"{slug}@{SHA256}", other], [other]), strict=True):
        spec = {**source(objects, "1"), "depPackageSlugs": slugs}
        metadata = {"name": name, "namespace": "team-a"}
        users.kubectl("create", "-f", "-", stdin={**kind, "metadata": metadata, "spec": spec})
    with api.client("vera") as client:
        query = {"namespace": "team-a", "dep_package": slug}
        found = client.get("/deployments", params=query).json()
        assert sorted(one["name"] for one in found["items"]) == sorted(names[:2])
        first = client.get("/deployments", params={**query, "limit": 1}).json()
        second = client.get("/deployments", params={**query, "limit": 1, "cursor": first["next_cursor"]}).json()
        assert {page["items"][0]["name"] for page in (first, second)} == set(names[:2])
        assert client.get("/deployments", params={"dep_package": "x"}).status_code == 422
    with api.client("bob") as client:
        assert client.get("/deployments", params=query).status_code == 404
