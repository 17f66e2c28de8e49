"""Logs that lie in S3, in this tier without a kubelet; those of live pods are in tests/e2e/test_api.py."""

from __future__ import annotations

import json

import pytest

from dagy.adapters.settings.api import ApiSettings
from dagy_builder.storage.store import ObjectStore
from tests.fakes.api import Api, Users, folder_of, in_process, unique

pytestmark = pytest.mark.apiserver


@pytest.fixture
def finished(users: Users, objects: ObjectStore) -> str:
    """A package that failed to build, with the logs of both its steps."""
    name = unique("logs")
    spec = {"pythonVersion": "3.12", "dependencies": ["idna"]}
    users.kubectl("create", "-f", "-", stdin={"apiVersion": "dagy.io/v1", "kind": "DepPackage",
                                              "metadata": {"name": name, "namespace": "team-a"}, "spec": spec})  # fmt: skip
    slug, uris = "L" + unique("")[1:8].upper(), {}
    folder = folder_of(users, "team-a", name, slug)
    for step in ("validate", "build"):
        key = f"{folder}/logs/{step}.log"
        objects.put(key, f"=== {step} ===\nsaid {step} ümläut\n".encode(), "text/plain")
        uris[step] = f"s3://{objects.bucket}/{key}"
    settled = {
        "type": "Settled",
        "status": "True",
        "reason": "Failed",
        "message": "",
        "lastTransitionTime": "2026-11-21T12:00:00Z",
    }
    validation = {"specHash": "x", "time": "2026-11-21T12:00:00Z", "logUri": uris["validate"]}
    status = {"observedGeneration": 1, "slug": slug, "phase": "FAILED", "validation": validation, "build": {"logUri": uris["build"]},
              "conditions": [settled]}  # fmt: skip
    users.kubectl(
        "patch",
        "dp",
        name,
        "-n",
        "team-a",
        "--subresource=status",
        "--type=merge",
        "-p",
        json.dumps({"status": status}),
    )
    return name


@pytest.mark.parametrize("follow", [False, True])
def test_the_kept_logs_are_shown(api: Api, finished: str, follow: bool) -> None:
    path = f"/dep-packages/team-a/{finished}/logs"
    with api.client("vera") as client:
        both = client.get(path, params={"follow": follow})
        build = client.get(path, params={"follow": follow, "step": "build"})
    assert both.headers["content-type"] == "text/plain; charset=utf-8"
    assert both.text == "=== validate ===\nsaid validate ümläut\n=== build ===\nsaid build ümläut\n"
    assert build.text == "=== build ===\nsaid build ümläut\n"


@pytest.mark.parametrize("follow", [False, True])
def test_a_log_goes_on_where_it_was_cut(api: Api, finished: str, follow: bool) -> None:
    path, whole = f"/dep-packages/team-a/{finished}/logs", "=== build ===\nsaid build ümläut\n".encode()
    with api.client("vera") as client:
        for place in (0, 1, len(whole) - 9, len(whole), len(whole) + 7):
            rest = client.get(path, params={"follow": follow, "step": "build", "from_byte": place})
            assert rest.content == whole[place:]
        assert client.get(path, params={"from_byte": -1}).status_code == 422


@pytest.mark.parametrize("follow", [False, True])
def test_each_attempt_has_its_log(api: Api, users: Users, finished: str, objects: ObjectStore, follow: bool) -> None:
    status = json.loads(users.kubectl("get", "dp", finished, "-n", "team-a", "-o", "json"))["status"]
    uri = status["build"]["logUri"].replace("build.log", "first.log")
    objects.put(uri.partition(f"s3://{objects.bucket}/")[2], b"the first\n", "text/plain")
    attempts = [{"job": "build", "number": 1, "jobName": "j", "reason": "R", "message": "m", "logUri": uri}]
    patch = json.dumps({"status": {"build": {"attempt": 2, "attempts": attempts}}})
    users.kubectl("patch", "dp", finished, "-n", "team-a", "--subresource=status", "--type=merge", "-p", patch)
    path = f"/dep-packages/team-a/{finished}/logs"
    with api.client("vera") as client:
        said = [client.get(path, params={"follow": follow, "step": "build", "attempt": n}) for n in (1, 2)]
        assert [one.text for one in said] == ["the first\n", "=== build ===\nsaid build ümläut\n"]
        assert "There is no log" in client.get(path, params={"follow": follow, "step": "build", "attempt": 3}).text


def test_no_log_is_a_problem(api: Api, users: Users, finished: str, objects: ObjectStore) -> None:
    for key in list(objects.list("rest/team-a/")):
        if key.endswith(".log"):
            objects.delete(key)
    with api.client("vera") as client:
        answer = client.get(f"/dep-packages/team-a/{finished}/logs", params={"step": "build"})
        followed = client.get(f"/dep-packages/team-a/{finished}/logs", params={"follow": True})
    assert (answer.status_code, answer.json()["code"]) == (404, "NoLog")
    assert "FAILED" in answer.json()["detail"]
    assert "There is no log" in followed.text
    with api.client("bob") as client:
        assert client.get(f"/dep-packages/team-a/{finished}/logs").json()["code"] == "NotFound"


def test_without_s3_settings_only_what_needs_them_is_refused(kubeconfig: str, users: Users, finished: str) -> None:
    with in_process(kubeconfig, ApiSettings()) as client:
        assert client.get(f"/dep-packages/team-a/{finished}").status_code == 200
        assert client.get("/dep-packages").status_code == 200
        for answer in (
            client.get(f"/dep-packages/team-a/{finished}/logs"),
            client.post("/uploads", json={"deployment_name": "d", "size_bytes": 1, "sha256": "0" * 64}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (501, "StorageNotConfigured")
            assert "DAGY_API_URL" in answer.json()["detail"]
        signed = client.post("/artifacts:sign", json={"artifacts": []}, headers={"Authorization": "Bearer x"})
        assert (signed.status_code, signed.json()["code"]) == (501, "NoIdentity")
