"""Counting slots in the cluster: what takes one, and that what has ended is not read again and again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dagy.adapters.kube.api import namespaced
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy.model.status import JobKind
from dagy_builder.contract import Fault, Reason, Step, StepOutcome
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import NAMESPACE, Rig, create, run
from tests.fakes.dying_api import Reading
from tests.fakes.kubelet import BUILDS

pytestmark = pytest.mark.apiserver
NOT_FOUND = StepOutcome(Step.RESOLVE, ok=False, reason=Reason.PACKAGE_NOT_FOUND, message="No.", fault=Fault.USER)


async def started(rig: Rig) -> tuple[Rig, NamespacedName]:
    """A package whose validation runs."""
    key = await create(rig)
    rig = rig.alone(key)
    await rig.reconciler().reconcile(key)
    assert await rig.kubelet.step()
    return rig, key


async def unread(rig: Rig) -> list[dict[str, Any]]:
    return (await rig.admin.list(namespaced("jobs", BUILDS), labelSelector=names.LABEL_ENDED))[0]


def test_a_job_that_is_kept_is_not_read_when_slots_are_counted(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        rig, key = await started(rig)
        assert await rig.cluster().occupied_slots(JobKind.VALIDATE) == [key.namespace]
        assert not await unread(rig)
        await rig.kubelet.step(NOT_FOUND)
        package = await rig.settle(key, rig.reconciler().reconcile)
        assert package["status"]["phase"] == "INVALID"
        assert [job["metadata"]["annotations"]["dagy.io/package"] for job in await unread(rig)] == [str(key)]
        assert await rig.cluster().occupied_slots(JobKind.VALIDATE) == []

    run(kubeconfig, objects, test)


def test_a_slot_is_free_when_its_pod_has_ended_and_its_job_not_yet(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        rig, _ = await started(rig)
        await rig.kubelet.step(NOT_FOUND)
        assert not await unread(rig)
        assert await rig.cluster().occupied_slots(JobKind.VALIDATE) == []

    run(kubeconfig, objects, test)


def test_a_pod_that_is_being_stopped_keeps_its_slot(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        rig, key = await started(rig)
        (job,) = (await rig.admin.list(namespaced("jobs", BUILDS)))[0]
        await rig.cluster().mark_job(job["metadata"]["name"], {names.REQUEST_CANCEL: "1"}, stop=True)
        assert await unread(rig)
        assert await rig.cluster().occupied_slots(JobKind.VALIDATE) == [key.namespace]

    run(kubeconfig, objects, test)


def test_many_jobs_without_pods_are_counted(
    kubeconfig: str, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagy.adapters.packages.cluster._FEW", 1)

    async def test(rig: Rig) -> None:
        keys = [await create(rig) for _ in range(3)]
        await asyncio.gather(*(rig.reconciler().reconcile(key) for key in keys))
        assert len(await rig.cluster().occupied_slots(JobKind.VALIDATE)) == 3

    run(kubeconfig, objects, test)


def test_of_what_has_ended_and_what_runs_only_names_are_read(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        await started(rig)
        rig, _ = await started(rig)
        await rig.kubelet.step(NOT_FOUND)  # one has ended, and nobody has seen to it; the other runs
        api = Reading(rig.operator)
        assert await rig.cluster(api).occupied_slots(JobKind.VALIDATE) == [NAMESPACE]
        assert b"metadata" in api.answers
        assert b'"restartPolicy"' not in api.answers

    run(kubeconfig, objects, test)
