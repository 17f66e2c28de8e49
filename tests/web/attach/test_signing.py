"""URLs for pods: which token, whose package, which artifact."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import httpx
import pytest

from dagy_builder.storage.store import ObjectStore
from tests.fakes.api import Api, Users, artifact_status, folder_of, unique, zip_name

pytestmark = pytest.mark.apiserver


def pod_token(users: Users, namespace: str, *, audience: str = "dagy.io/api", bound: bool = True) -> str:
    account = unique("runner")
    users.kubectl("create", "serviceaccount", account, "-n", namespace)
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": account, "namespace": namespace},
           "spec": {"serviceAccountName": account, "containers": [{"name": "c", "image": "i"}]}}  # fmt: skip
    users.kubectl("create", "-f", "-", stdin=pod)
    uid = json.loads(users.kubectl("get", "pod", account, "-n", namespace, "-o", "json"))["metadata"]["uid"]
    binding = (
        ("--bound-object-kind=Pod", f"--bound-object-name={account}", f"--bound-object-uid={uid}") if bound else ()
    )
    return users.kubectl("create", "token", account, "-n", namespace, f"--audience={audience}", *binding).strip()


@pytest.fixture(scope="module")
def built(users: Users, objects: ObjectStore) -> dict[str, Any]:
    """A COMPLETED package of team-a whose ZIP is there, with an earlier one in its history."""
    name, slug = unique("built"), "S" + unique("")[1:8].upper()
    spec = {"pythonVersion": "3.12", "dependencies": ["idna"]}
    users.kubectl("create", "-f", "-", stdin={"apiVersion": "dagy.io/v1", "kind": "DepPackage",
                                              "metadata": {"name": name, "namespace": "team-a"}, "spec": spec})  # fmt: skip
    folder, artifacts = folder_of(users, "team-a", name, slug), []
    for data in (b"new zip", b"old zip"):
        key = f"{folder}/{zip_name(data)}"
        objects.put(key, data, "application/zip")
        artifacts.append(artifact_status(f"s3://{objects.bucket}/{key}", data))
    status = {"status": {"slug": slug, "phase": "COMPLETED", "artifact": artifacts[0], "history": artifacts[1:]}}
    users.kubectl("patch", "dp", name, "-n", "team-a", "--subresource=status", "--type=merge", "-p", json.dumps(status))
    return {"name": name, "slug": slug, "new": artifacts[0]["sha256"], "old": artifacts[1]["sha256"]}


def sign(api: Api, token: str, *artifacts: tuple[str, str], **more: Any) -> httpx.Response:
    asked = [{"slug": slug, "sha256": sha256} for slug, sha256 in artifacts]
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.post(f"{api.url}/artifacts:sign", json={"artifacts": asked, **more}, headers=headers, timeout=30)


def test_a_pod_gets_the_artifacts_of_its_namespace(api: Api, users: Users, built: dict[str, Any]) -> None:
    token = pod_token(users, "team-a")
    answer = sign(api, token, (built["slug"], built["new"]), (built["slug"], built["old"]))
    assert answer.status_code == 200, answer.text
    signed = answer.json()["artifacts"]
    assert [httpx.get(one["url"]).content for one in signed] == [b"new zip", b"old zip"]
    assert [one["size_bytes"] for one in signed] == [7, 7]


def test_other_namespaces_need_the_right_to_get_the_package(api: Api, users: Users, built: dict[str, Any]) -> None:
    token = pod_token(users, "team-b")
    wanted = (built["slug"], built["new"])
    hidden = sign(api, token, wanted)
    assert hidden.status_code == 404
    assert built["name"] not in hidden.text
    account = hidden.json()["detail"].split("team-b/")[1].split(" ")[0]
    users.kubectl(
        "create",
        "rolebinding",
        unique(),
        "-n",
        "team-a",
        "--clusterrole=dagy-view",
        f"--serviceaccount=team-b:{account}",
    )
    assert sign(api, token, wanted).status_code == 200


def test_only_tokens_of_pods_for_this_audience_count(api: Api, users: Users, built: dict[str, Any]) -> None:
    wanted = (built["slug"], built["new"])
    for token in (users.token("alice"), pod_token(users, "team-a", bound=False),
                  pod_token(users, "team-a", audience="https://kubernetes.default.svc.cluster.local"), "x"):  # fmt: skip
        answer = sign(api, token, wanted)
        assert (answer.status_code, answer.json()["code"]) == (401, "Unauthenticated")


def test_a_token_of_a_pod_is_good_for_nothing_else(api: Api, users: Users) -> None:
    headers = {"Authorization": f"Bearer {pod_token(users, 'team-a')}"}
    assert httpx.get(f"{api.url}/dep-packages?namespace=team-a", headers=headers).status_code == 401


def test_artifacts_that_are_not_the_packages_are_not_signed(api: Api, users: Users, built: dict[str, Any]) -> None:
    token = pod_token(users, "team-a")
    assert sign(api, token, (built["slug"], "0" * 64)).status_code == 404
    assert sign(api, token, ("NOSUCH02", built["new"])).status_code == 404


def test_the_flows_code_is_signed_for_its_own_namespace(api: Api, users: Users, objects: ObjectStore) -> None:
    sha256 = hashlib.sha256(b"code").hexdigest()
    key = f"rest/team-a/flows/etl/{sha256}.zip"
    objects.put(key, b"code", "application/zip")
    spec = {
        "flowName": "etl",
        "flowVersion": "1",
        "artifact": {"uri": f"s3://{objects.bucket}/{key}", "sha256": sha256, "sizeBytes": 4},
    }
    users.kubectl("create", "-f", "-", stdin={"apiVersion": "dagy.io/v1", "kind": "FlowDeployment",
                                              "metadata": {"name": "etl", "namespace": "team-a"}, "spec": spec})  # fmt: skip
    flow = {"namespace": "team-a", "deployment": "etl", "sha256": sha256}
    signed = sign(api, pod_token(users, "team-a"), flow_artifact=flow)
    assert httpx.get(signed.json()["artifacts"][0]["url"]).content == b"code"
    assert sign(api, pod_token(users, "team-b"), flow_artifact=flow).status_code == 404


def test_code_of_a_revision_that_status_does_not_list(api: Api, users: Users, objects: ObjectStore) -> None:
    """A run may be of one that there was no room for, or somebody erased status."""
    old, new = (hashlib.sha256(code).hexdigest() for code in (b"old", b"new"))
    for sha256, code in ((old, b"old"), (new, b"new")):
        objects.put(f"rest/team-a/flows/versions/{sha256}.zip", code, "application/zip")
    artifact = {"uri": f"s3://{objects.bucket}/rest/team-a/flows/versions/{new}.zip", "sha256": new, "sizeBytes": 3}
    users.kubectl("create", "-f", "-", stdin={"apiVersion": "dagy.io/v1", "kind": "FlowDeployment",
                                              "metadata": {"name": "versions", "namespace": "team-a"},
                                              "spec": {"flowName": "etl", "flowVersion": "2", "artifact": artifact}})  # fmt: skip
    token, flow = pod_token(users, "team-a"), {"namespace": "team-a", "deployment": "versions", "sha256": old}
    (signed,) = sign(api, token, flow_artifact=flow).json()["artifacts"]
    assert (httpx.get(signed["url"]).content, signed["size_bytes"]) == (b"old", 3)
    for other in ({"sha256": "0" * 64}, {"deployment": "no-such"}, {"namespace": "team-b"}):
        assert sign(api, token, flow_artifact={**flow, **other}).status_code == 404


def test_download_redirects_to_the_zip(api: Api, built: dict[str, Any]) -> None:
    path = f"/dep-packages/team-a/{built['name']}/download"
    with api.client("vera") as client:
        redirect = client.get(path)
        assert redirect.status_code == 307
        got = httpx.get(redirect.headers["location"])
        assert got.content == b"new zip"
        assert f"{built['name']}-{built['slug']}" in got.headers["content-disposition"]
        told = client.get(path, params={"redirect": "false"}).json()
        assert (told["sha256"], told["size_bytes"]) == (built["new"], 7)
    with api.client("bob") as client:
        assert client.get(path).status_code == 404
