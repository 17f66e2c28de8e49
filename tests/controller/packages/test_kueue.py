"""Jobs that a queue holds back, as Kueue does: who cancels them ends them for good."""

from __future__ import annotations

from typing import Any

import pytest

from dagy.adapters.kube.api import namespaced
from dagy.model.base import NamespacedName
from dagy.model.status import JobKind
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import Rig, annotate, condition, create, run, status_of
from tests.fakes.kubelet import BUILDS

pytestmark = pytest.mark.apiserver


async def only_job(rig: Rig, key: NamespacedName) -> dict[str, Any]:
    jobs, _ = await rig.admin.list(namespaced("jobs", BUILDS))
    [job] = [one for one in jobs if one["metadata"]["annotations"]["dagy.io/package"] == str(key)]
    return job


async def hold(rig: Rig, job: dict[str, Any], *, back: bool) -> None:
    """Suspend it, or let it go, as a queue does."""
    await rig.admin.merge(namespaced("jobs", BUILDS, job["metadata"]["name"]), {"spec": {"suspend": back}})


def test_a_job_that_waits_for_its_queue_takes_no_slot_and_goes_on(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler()
        await operator.reconcile(key)
        job = await only_job(rig, key)
        await hold(rig, job, back=True)
        assert await rig.cluster().occupied_slots(JobKind.VALIDATE) == []
        await rig.reconciler(hours_ahead=9).reconcile(key)
        status = await status_of(rig, key)
        assert (status["phase"], condition(status, "Settled")[0]) == ("VALIDATING", "False")
        assert status["message"].endswith("waiting to be admitted by its queue.")
        assert (await only_job(rig, key))["metadata"]["uid"] == job["metadata"]["uid"], "it has no end of ours"
        await hold(rig, job, back=False)
        assert (await rig.settle(key, operator.reconcile))["status"]["phase"] == "COMPLETED"

    run(kubeconfig, objects, test)


def test_who_cancels_a_job_in_the_queue_ends_it_for_good(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler()
        await operator.reconcile(key)
        held = await only_job(rig, key)
        await hold(rig, held, back=True)
        await annotate(rig, key, cancel="1")
        status = (await rig.settle(key, operator.reconcile))["status"]
        assert condition(status, "Ready") == ("False", "Cancelled")
        tombstone = await only_job(rig, key)
        assert tombstone["metadata"]["uid"] != held["metadata"]["uid"]
        await hold(rig, tombstone, back=False)
        assert tombstone["spec"]["parallelism"] == 0, "whoever lets it go starts nothing"
        await annotate(rig, key, build="1")
        assert (await rig.settle(key, operator.reconcile))["status"]["phase"] == "COMPLETED"

    run(kubeconfig, objects, test)


def test_who_cancels_a_job_that_runs_ends_it_for_good(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler()
        await operator.reconcile(key)
        await rig.kubelet.step()
        await annotate(rig, key, cancel="1")
        status = (await rig.settle(key, operator.reconcile))["status"]
        assert condition(status, "Ready") == ("False", "Cancelled")
        job = await only_job(rig, key)
        assert job["spec"]["activeDeadlineSeconds"] == 0
        assert not job["spec"]["suspend"], "a suspension is the queue's to end"

    run(kubeconfig, objects, test)
