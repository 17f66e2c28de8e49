"""Packages in the queue of a real Kueue: what it holds back, takes back, and what is cancelled there.

Real are API server, Job controller and Kueue; no node runs the pods, so that a Job that is admitted stays so.
"""

from __future__ import annotations

import pytest

from dagy.adapters.kube.api import namespaced
from dagy.core.jobs.kueue import QUEUE_LABEL
from dagy.model.base import NamespacedName
from dagy.model.status import JobKind
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import annotate, condition, status_of
from tests.fakes.kubelet import BUILDS
from tests.peers.queues import QUEUE, Queue, eventually, queued

pytestmark = [pytest.mark.peers, pytest.mark.long_build, pytest.mark.usefixtures("with_kueue")]


def test_what_is_held_back_says_what_kueue_says_and_takes_no_slot(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(queue: Queue) -> None:
        first = await queue.package()
        await eventually(lambda: queue.runs(first))
        second = await queue.package()
        assert (await queue.job(second))["spec"]["suspend"] is True
        await eventually(lambda: queue.tells(second, "insufficient unused quota for pods in flavor default"))
        assert await queue.rig.cluster().occupied_slots(JobKind.VALIDATE) == [first.namespace]

    queued(kubeconfig, objects, 1, test)


def test_what_is_cancelled_while_it_runs_stays_so_and_makes_room(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(queue: Queue) -> None:
        first = await queue.package()
        await eventually(lambda: queue.runs(first))
        second = await queue.package()
        await annotate(queue.rig, first, cancel="1")
        await queue.operator.reconcile(first)
        assert condition(await status_of(queue.rig, first), "Ready") == ("False", "Cancelled")
        await eventually(lambda: queue.runs(second))  # so Kueue has seen the end of the first one
        assert not await queue.pods(first)
        conditions = {one["type"]: one["reason"] for one in (await queue.job(first))["status"]["conditions"]}
        assert conditions["Failed"] == "DeadlineExceeded"

    queued(kubeconfig, objects, 1, test)


def test_what_is_cancelled_in_the_queue_never_starts(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(queue: Queue) -> None:
        first = await queue.package()
        await eventually(lambda: queue.runs(first))
        waiting = [await queue.package() for _ in range(6)]
        for key in (*waiting, first):
            await annotate(queue.rig, key, cancel="1")
        last = await queue.package()
        for key in (*waiting, first):
            await eventually(lambda key=key: queue.is_cancelled(key))  # type: ignore[misc]
        await eventually(lambda: queue.runs(last))
        for key in waiting:
            tombstone = await queue.job(key)
            assert QUEUE_LABEL not in tombstone["metadata"]["labels"]
            assert tombstone["spec"]["parallelism"] == 0
            assert not await queue.pods(key)

    queued(kubeconfig, objects, 1, test)


def test_who_loses_the_place_goes_on_with_the_same_attempt(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(queue: Queue) -> None:
        key = await queue.package()
        await eventually(lambda: queue.runs(key))
        before = (await queue.job(key))["metadata"]["uid"]
        labels = {QUEUE_LABEL: QUEUE, "kueue.x-k8s.io/priority-class": "urgent"}
        container = {"name": "c", "image": "none"}
        pod = {"restartPolicy": "Never", "containers": [container]}
        urgent = {
            "metadata": {"name": "urgent", "labels": labels},
            "spec": {"suspend": True, "template": {"spec": pod}},
        }
        await queue.rig.admin.create(namespaced("jobs", BUILDS), urgent)
        await eventually(lambda: _is_suspended(queue, key))
        assert "waiting to be admitted by its queue" in await queue.says(key)
        await queue.rig.admin.delete(namespaced("jobs", BUILDS, "urgent"))
        await eventually(lambda: queue.runs(key))
        await queue.operator.reconcile(key)
        again = await queue.job(key)
        assert again["metadata"]["uid"] == before
        assert not (await status_of(queue.rig, key)).get("build", {}).get("attempts")

    queued(kubeconfig, objects, 1, test)


async def _is_suspended(queue: Queue, key: NamespacedName) -> bool:
    return bool((await queue.job(key))["spec"]["suspend"]) and not await queue.pods(key)
