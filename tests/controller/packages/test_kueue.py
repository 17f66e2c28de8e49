"""Jobs that a queue holds back, as Kueue does: who cancels them ends them for good."""

from __future__ import annotations

from typing import Any

import pytest

from dagy.adapters.kube.api import deppackage_path, namespaced
from dagy.adapters.packages.cluster import Cluster
from dagy.controller.packages import reconcile
from dagy.core.outcomes.facts import JobFact
from dagy.model.base import NamespacedName
from dagy.model.status import JobKind
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import Rig, annotate, condition, create, run, status_of
from tests.fakes.dying_api import Reading
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
        for _ in range(2):
            await operator.reconcile(key)
            going = await only_job(rig, key)
            assert going["metadata"]["uid"] == held["metadata"]["uid"], "its queue has not seen yet that it goes"
            assert going["metadata"]["finalizers"] == ["foregroundDeletion"]
            assert condition(await status_of(rig, key), "Ready")[1] == "Validating"
        status = (await rig.settle(key, operator.reconcile))["status"]
        assert condition(status, "Ready") == ("False", "Cancelled")
        assert not status.get("validation", {}).get("attempts")
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


def test_what_stands_in_a_queue_is_not_read_when_slots_are_counted(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key = await create(rig)
        await rig.reconciler(queue="builds").reconcile(key)
        name, api = (await only_job(rig, key))["metadata"]["name"], Reading(rig.operator)
        assert await rig.cluster(api).occupied_slots(JobKind.VALIDATE) == []
        assert name not in api.answers.decode()
        await rig.kubelet.step()
        assert await rig.cluster(api).occupied_slots(JobKind.VALIDATE) == [key.namespace], "its pod runs"
        assert name in api.answers.decode()
        assert '"restartPolicy"' not in api.answers.decode(), "of a pod that runs its labels are enough"

    run(kubeconfig, objects, test)


def test_the_more_are_held_back_the_rarer_each_is_looked_at(
    kubeconfig: str, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "_SECONDS_BEHIND", 14.0)

    async def why(_cluster: Cluster, _job: JobFact) -> str:
        return "no quota is left"

    async def test(rig: Rig) -> None:
        keys, operator = [await create(rig) for _ in range(3)], rig.reconciler(queue="builds", hours_ahead=0.01)
        for key in keys:
            await operator.reconcile(key)
            await hold(rig, await only_job(rig, key), back=True)
            assert await operator.reconcile(key) == 15.0, "its queue has not said why"
        monkeypatch.setattr(Cluster, "why_no_pod", why)
        assert [await operator.reconcile(key) for key in keys] == [42.0, 42.0, 42.0]
        await hold(rig, await only_job(rig, keys[0]), back=False)
        assert await operator.reconcile(keys[0]) == 15.0, "it starts, and soon"
        await rig.admin.delete(deppackage_path(keys[1].namespace, keys[1].name))
        await operator.reconcile(keys[1])
        assert await operator.reconcile(keys[2]) == 15.0

    run(kubeconfig, objects, test)
