"""The life of a Job's copy of index credentials, and packages whose Secrets can't be used, on a real API server."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from dagy.adapters.kube.api import namespaced
from dagy.model import constants as names
from dagy_builder.contract import BuildRequest
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import NAMESPACE, Rig, create, run
from tests.fakes.dying_api import Api
from tests.fakes.kubelet import BUILDS

pytestmark = pytest.mark.apiserver

URL = "https://pkg.example/simple/"


@pytest.fixture(autouse=True)
def _allowed(kubectl: Any) -> None:
    """The namespace's administrator lets the operator read its index credentials."""
    reader = names.INDEX_CREDENTIALS_ROLE
    account = ":".join(names.OPERATOR_ACCOUNT)
    kubectl("create", "rolebinding", reader, f"--clusterrole={reader}", f"--serviceaccount={account}")


async def make_secret(rig: Rig, name: str, kind: str = "dagy.io/index-credentials") -> None:
    data = {"url": "https://pkg.example/", "username": "ci", "password": "hunter2-hunter2"}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": kind, "stringData": data}
    await rig.admin.create(namespaced("secrets", NAMESPACE), body)


async def copies(rig: Rig) -> list[dict[str, Any]]:
    return (await rig.admin.list(namespaced("secrets", BUILDS), labelSelector="dagy.io/job"))[0]


def test_a_secret_that_comes_later_is_used_and_its_copies_go(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key = await create(rig, index={"url": URL, "secretNames": ["later"]})
        reconciler = rig.reconciler()
        for _ in range(2):
            assert await reconciler.reconcile(key) == pytest.approx(15.0)
        package = await rig.package(key)
        assert package
        assert package["status"]["phase"] == "PENDING"
        assert "There is no Secret later in namespace team-a" in package["status"]["message"]
        version = package["metadata"]["resourceVersion"]
        await rig.reconciler().reconcile(key)
        assert (await rig.package(key) or {})["metadata"]["resourceVersion"] == version, "the same thing is told once"

        await make_secret(rig, "later")
        await reconciler.reconcile(key)
        [copy] = await copies(rig)
        [job] = (await rig.admin.list(namespaced("jobs", BUILDS)))[0]
        assert copy["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
        assert set(copy["data"]) == {"0.url", "0.username", "0.password", "0.token"}
        config_map = await rig.admin.get(namespaced("configmaps", BUILDS, job["metadata"]["name"]))
        assert config_map
        assert BuildRequest.from_json(json.loads(config_map["data"]["request.json"])).index_url == URL
        assert "hunter2" not in json.dumps([config_map, job])

        settled = await rig.settle(key, reconciler.reconcile)
        assert settled["status"]["phase"] == "COMPLETED"
        assert "hunter2" not in json.dumps(settled)
        assert await copies(rig) == []

    run(kubeconfig, objects, test)


def test_a_start_reads_each_secret_once(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        await make_secret(rig, "once")
        key = await create(rig, index={"url": URL, "secretNames": ["once"]})
        api = Api(rig.operator)
        await replace(rig, operator=api).reconciler().reconcile(key)
        assert len(await copies(rig)) == 1, "a Job has been started, with its copy"
        assert api.reads.count(namespaced("secrets", NAMESPACE, "once")) == 1

    run(kubeconfig, objects, test)


def test_a_job_whose_creator_died_gets_its_secret(kubeconfig: str, objects: ObjectStore) -> None:
    """Between the Job and what it mounts: the next operator provides both, and the Job is not made twice."""

    async def test(rig: Rig) -> None:
        await make_secret(rig, "team")
        key = await create(rig, index={"url": URL, "secretNames": ["team"]})
        await rig.reconciler().reconcile(key)
        [copy] = await copies(rig)
        for kind in ("secrets", "configmaps"):
            await rig.admin.delete(namespaced(kind, BUILDS, copy["metadata"]["name"]))
        await rig.reconciler().reconcile(key)
        assert [c["metadata"]["name"] for c in await copies(rig)] == [copy["metadata"]["name"]]
        assert len((await rig.admin.list(namespaced("jobs", BUILDS)))[0]) == 1

    run(kubeconfig, objects, test)


def test_a_job_whose_secret_has_gone_goes_and_the_reason_is_told(kubeconfig: str, objects: ObjectStore) -> None:
    """Its creator died, and meanwhile the team's Secret was deleted: no pod waits for volumes until the deadline."""

    async def test(rig: Rig) -> None:
        await make_secret(rig, "team")
        key = await create(rig, index={"url": URL, "secretNames": ["team"]})
        await rig.reconciler().reconcile(key)
        [job] = (await rig.admin.list(namespaced("jobs", BUILDS)))[0]
        for kind in ("secrets", "configmaps"):
            await rig.admin.delete(namespaced(kind, BUILDS, job["metadata"]["name"]))
        await rig.admin.delete(namespaced("secrets", NAMESPACE, "team"))
        assert await rig.reconciler().reconcile(key) == pytest.approx(15.0)
        assert [
            job
            for job in (await rig.admin.list(namespaced("jobs", BUILDS)))[0]
            if not job["metadata"].get("deletionTimestamp")
        ] == []
        status = (await rig.package(key) or {})["status"]
        assert status["phase"] == "VALIDATING", "held up, until the Secret is there again"
        assert "There is no Secret team in namespace team-a" in status["message"]

    run(kubeconfig, objects, test)


def test_hosts_that_are_not_allowed_start_no_job(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key = await create(rig, index={"url": "http://pkg.example/simple/"})
        assert await rig.reconciler().reconcile(key) is None, (
            "settled: nothing changes before the list or the settings do"
        )
        status = (await rig.package(key) or {})["status"]
        assert (status["phase"], next(c for c in status["conditions"] if c["type"] == "Ready")["reason"]) == (
            "FAILED",
            "IndexHostNotAllowed",
        )
        assert (await rig.admin.list(namespaced("jobs", BUILDS)))[0] == []

    run(kubeconfig, objects, test)


def test_other_peoples_secrets_are_not_sent_anywhere(kubeconfig: str, objects: ObjectStore) -> None:
    """Who may only create packages names a Secret that isn't meant for indexes, with a URL of their own."""

    async def test(rig: Rig) -> None:
        await make_secret(rig, "database", "Opaque")
        key = await create(rig, index={"url": "https://evil.example/", "secretNames": ["database"]})
        await rig.reconciler().reconcile(key)
        package = await rig.package(key)
        assert package
        assert "is not of type dagy.io/index-credentials" in package["status"]["message"]
        assert await copies(rig) == []
        assert (await rig.admin.list(namespaced("jobs", BUILDS)))[0] == []

    run(kubeconfig, objects, test)
