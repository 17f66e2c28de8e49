"""What somebody has spoiled or deleted by hand costs another look or another attempt, never the package."""

from __future__ import annotations

import json
from collections.abc import Mapping

import aiohttp
import pytest
from typing_extensions import override

from dagy.adapters.kube.api import KubeApi, KubeError, namespaced
from dagy.adapters.packages.cluster import Cluster
from dagy.core.outcomes.facts import JobFact, PodFact
from dagy.core.outcomes.logs import StepLog
from dagy_builder.contract import Step
from dagy_builder.storage.store import ObjectStore, StorageError
from tests.fakes.controller import NAMESPACE, Rig, annotate, condition, create, erase_status, run, status_of
from tests.fakes.kubelet import BUILDS
from tests.fakes.owners import write_status

pytestmark = pytest.mark.apiserver


def locks(rig: Rig) -> list[str]:
    return [key for key in rig.objects.list(f"{rig.prefix}/{NAMESPACE}/") if "/resolutions/" in key]


SPOILED = {
    "no JSON": lambda _: b"{",
    "no object": lambda _: b"[]",
    "not UTF-8": lambda _: b"\xff\xfe",
    "too deep": lambda _: b"[" * 100_000,
    "a field is missing": lambda data: json.dumps({**json.loads(data), "lockHash": None}).encode(),
    "of another type": lambda data: json.dumps({**json.loads(data), "warnings": 7}).encode(),
    "another text": lambda data: data.replace(b"lock-version", b"lock-versi0n"),
}


@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_lock_is_found_anew(kubeconfig: str, objects: ObjectStore, how: str) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig, buildPolicy="Manual"), rig.reconciler()
        await annotate(rig, key, validate="1")
        assert (await rig.settle(key, operator.reconcile))["status"]["phase"] == "VALID"
        (lock,) = locks(rig)
        data = objects.get(lock)
        assert data
        objects.put(lock, SPOILED[how](data), "application/json")
        await annotate(rig, key, build="1")
        assert (await rig.settle(key, operator.reconcile))["status"]["phase"] == "COMPLETED"
        assert objects.get(lock) == data

    run(kubeconfig, objects, test)


def test_what_others_wrote_into_a_status_does_not_stay(kubeconfig: str, objects: ObjectStore) -> None:
    """It did: a lock that nobody has was sought for ever, and one validation after the other deleted."""

    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler()
        await operator.reconcile(key)
        await write_status(rig, key, lockHash="f" * 64, s3Uri="s3://elsewhere/a.zip", message="by hand")
        await operator.reconcile(key)
        package = await rig.package(key)
        assert package
        assert not {"lockHash", "s3Uri"} & set(package["status"])
        assert (await rig.settle(key, operator.reconcile))["status"]["phase"] == "COMPLETED"

    run(kubeconfig, objects, test)


def test_a_spoiled_record_of_another_package_stops_nobody(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        first = await create(rig)
        await rig.settle(first, rig.reconciler().reconcile)
        (record,) = [key for key in objects.list(f"{rig.prefix}/") if key.endswith(".build.json")]
        objects.put(record, b"[7", "application/json")
        second = await create(rig)
        assert (await rig.settle(second, rig.reconciler().reconcile))["status"]["phase"] == "COMPLETED"

    run(kubeconfig, objects, test)


def test_the_input_of_a_job_cannot_be_changed(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        await rig.reconciler().reconcile(await create(rig))
        (found,) = (await rig.admin.list(namespaced("configmaps", BUILDS)))[0]
        path = namespaced("configmaps", BUILDS, found["metadata"]["name"])
        with pytest.raises(KubeError) as caught:
            await rig.admin.merge(path, {"data": {"request.json": "{}"}})
        assert caught.value.status == 422

    run(kubeconfig, objects, test)


async def delete_ended(rig: Rig) -> int:
    """Delete all Jobs whose pods have ended, as a person or a TTL would; how many there were."""
    pods, _ = await rig.admin.list(namespaced("pods", BUILDS))
    ended = [pod for pod in pods if pod["status"]["phase"] == "Succeeded"]
    for pod in ended:
        await rig.admin.delete(namespaced("jobs", BUILDS, pod["metadata"]["labels"]["job-name"]))
    return len(ended)


@pytest.mark.parametrize("told", [True, False], ids=["status is there", "status erased"])
def test_a_build_whose_job_is_gone_before_it_was_told_is_not_built_again(
    kubeconfig: str, objects: ObjectStore, told: bool
) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler()
        while (await operator.reconcile(key)) is None or (await status_of(rig, key))["phase"] in (
            "PENDING",
            "VALIDATING",
        ):
            await rig.kubelet.step()
        while await rig.kubelet.step():
            pass
        jobs = set(rig.kubelet.jobs_seen)
        assert await delete_ended(rig) == 1
        if not told:
            await erase_status(rig.admin, f"/apis/dagy.io/v1/namespaces/{key.namespace}/deppackages/{key.name}")
        await operator.reconcile(key)
        assert (await status_of(rig, key))["phase"] == "COMPLETED"
        await rig.kubelet.step()
        assert rig.kubelet.jobs_seen == jobs

    run(kubeconfig, objects, test)


class Unreadable(Cluster):
    """Its logs can't be read."""

    error: Exception

    @override
    async def log(self, pod: PodFact, step: Step) -> StepLog:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        KubeError(500, "InternalError", "no such file"),
        KubeError(403, "Forbidden", "no"),
        aiohttp.ClientPayloadError("cut"),
    ],
    ids=["500", "403", "cut"],
)
@pytest.mark.parametrize("hours", [0.1, -1.0])
def test_a_log_that_cannot_be_read_holds_nothing_up(
    kubeconfig: str, objects: ObjectStore, error: Exception, hours: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(rig: Rig) -> None:
        def cluster(_rig: Rig, api: KubeApi | None = None) -> Cluster:
            found = Unreadable(api or rig.operator, BUILDS)
            found.error = error
            return found

        key, operator = await create(rig, build={"retries": 0}), rig.reconciler()
        await operator.reconcile(key)
        while await rig.kubelet.step():
            pass
        monkeypatch.setattr(Rig, "cluster", cluster)
        with pytest.raises((KubeError, aiohttp.ClientError)):
            await rig.reconciler().reconcile(key)
        await rig.reconciler(hours_ahead=hours).reconcile(key)
        status = await status_of(rig, key)
        assert (status["phase"], status["build"]["attempts"][0]["reason"]) == ("FAILED", "ResultIncomplete")

    run(kubeconfig, objects, test)


class Mistaken(Cluster):
    """It fails as only a mistake in the program does."""

    @override
    async def jobs(self, selector: Mapping[str, str], *, trust_reported: bool = False) -> tuple[JobFact, ...]:
        raise IndexError("list index out of range")


def test_no_failure_is_silent(kubeconfig: str, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(rig: Rig) -> None:
        done, key = await create(rig), await create(rig, buildPolicy="Manual")
        before = (await rig.settle(done, rig.reconciler().reconcile))["status"]
        with monkeypatch.context() as patch:
            patch.setattr(Rig, "cluster", lambda rig, api=None: Mistaken(api or rig.operator, BUILDS))
            for package in (done, key):
                with pytest.raises(IndexError):
                    await rig.reconciler().reconcile(package)
        status = await status_of(rig, key)
        assert (status["phase"], condition(status, "Settled")) == ("PENDING", ("False", "InternalError"))
        assert "IndexError" in status["message"]
        assert await status_of(rig, done) == before, "what has settled stays as true as it was"
        assert (await rig.settle(key, rig.reconciler().reconcile))["status"]["phase"] == "PENDING"
        assert condition(await status_of(rig, key), "Settled") == ("True", "Saved")

    run(kubeconfig, objects, test)


@pytest.mark.parametrize("spoiled", [None, b"{"], ids=["deleted", "spoiled"])
@pytest.mark.parametrize("hours", [0.1, -1.0])
def test_a_build_whose_record_cannot_be_read_is_built_again(
    kubeconfig: str, objects: ObjectStore, spoiled: bytes | None, hours: float
) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler()
        await operator.reconcile(key)
        while await rig.kubelet.step():
            pass
        await operator.reconcile(key)
        while await rig.kubelet.step():
            pass
        (record,) = [name for name in objects.list(f"{rig.prefix}/") if name.endswith(".build.json")]
        if spoiled is None:
            objects.delete(record)
        else:
            objects.put(record, spoiled, "application/json")
        with pytest.raises(StorageError):
            await operator.reconcile(key)
        later = rig.reconciler(hours_ahead=hours).reconcile
        status = (await rig.settle(key, later))["status"]
        assert (status["phase"], status["build"]["attempts"][0]["reason"]) == ("COMPLETED", "UploadFailed")

    run(kubeconfig, objects, test)
