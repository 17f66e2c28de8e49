"""Packages in the queue of a real Kueue: what it holds back, takes back, and what is cancelled there.

Real are API server, Job controller and Kueue; no node runs the pods, so that a Job that is admitted stays so.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from dagy.adapters.kube.api import namespaced
from dagy.core.jobs.kueue import QUEUE_LABEL
from dagy.model.base import NamespacedName
from dagy.model.status import JobKind
from dagy_builder.storage.store import ObjectStore
from tests.cluster.layout import current_layout
from tests.fakes.controller import Rig, annotate, condition, create, run, status_of
from tests.fakes.kubelet import BUILDS
from tests.peers.kueue import VERSION, kueue

pytestmark = [pytest.mark.peers, pytest.mark.long_build]
Json = dict[str, Any]
QUEUE, WITHIN = "builds", 60.0
GROUP = f"/apis/kueue.x-k8s.io/{VERSION}"


@pytest.fixture(scope="module", autouse=True)
def running(kubeconfig: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Kueue."""
    if not (current_layout().bin / "kueue").exists() or not shutil.which("unshare"):
        pytest.fail("kueue is missing: run `make test-peers`, which builds it.")
    with kueue(kubeconfig, tmp_path_factory.mktemp("kueue"), BUILDS):
        yield


class Queue:
    """A queue in which so many Jobs run at a time."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.operator = rig, rig.reconciler(queue=QUEUE)

    async def open(self, places: int) -> None:
        """Make it; whoever has a higher priority takes a place away."""
        quota = {"name": "default", "resources": [{"name": "pods", "nominalQuota": places}]}
        spec = {
            "namespaceSelector": {},
            "resourceGroups": [{"coveredResources": ["pods"], "flavors": [quota]}],
            "preemption": {"withinClusterQueue": "LowerPriority"},
        }
        await self._make("resourceflavors", "ResourceFlavor", "default", {})
        await self._make("clusterqueues", "ClusterQueue", QUEUE, spec)
        await self._make("localqueues", "LocalQueue", QUEUE, {"clusterQueue": QUEUE}, BUILDS)
        value = {"value": 1000, "description": "before all others"}
        await self._make("workloadpriorityclasses", "WorkloadPriorityClass", "urgent", value, flat=True)

    async def close(self) -> None:
        """Remove it, with all that stands in it."""
        await self.rig.admin.request(
            "DELETE", namespaced("jobs", BUILDS), query={"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
        )
        await eventually(self._is_empty)
        for path in (f"namespaces/{BUILDS}/localqueues/{QUEUE}", f"clusterqueues/{QUEUE}", "resourceflavors/default"):
            await self.rig.admin.delete(f"{GROUP}/{path}")

    async def _is_empty(self) -> bool:
        return not (await self.rig.admin.list(f"{GROUP}/namespaces/{BUILDS}/workloads"))[0]

    async def _make(
        self, plural: str, kind: str, name: str, spec: Json, namespace: str = "", *, flat: bool = False
    ) -> None:
        place = f"namespaces/{namespace}/" if namespace else ""
        body = {"apiVersion": GROUP.removeprefix("/apis/"), "kind": kind, "metadata": {"name": name}}
        await self.rig.admin.apply(f"{GROUP}/{place}{plural}/{name}", {**body, **(spec if flat else {"spec": spec})})

    async def package(self) -> NamespacedName:
        """A new package, whose validation stands in the queue."""
        key = await create(self.rig)
        await self.operator.reconcile(key)
        return key

    async def job(self, key: NamespacedName) -> Json:
        jobs, _ = await self.rig.admin.list(namespaced("jobs", BUILDS))
        [job] = [one for one in jobs if one["metadata"].get("annotations", {}).get("dagy.io/package") == str(key)]
        return job

    async def pods(self, key: NamespacedName) -> list[Json]:
        pods, _ = await self.rig.admin.list(namespaced("pods", BUILDS))
        return [pod for pod in pods if pod["metadata"].get("annotations", {}).get("dagy.io/package") == str(key)]

    async def runs(self, key: NamespacedName) -> bool:
        """Return True when its Job was admitted and has its pod."""
        return not (await self.job(key))["spec"]["suspend"] and bool(await self.pods(key))

    async def says(self, key: NamespacedName) -> str:
        """Return what status says a little later."""
        await self.rig.reconciler(queue=QUEUE, hours_ahead=0.01).reconcile(key)
        return str((await status_of(self.rig, key))["message"])


async def eventually(true: Callable[[], Awaitable[bool]]) -> None:
    end = time.monotonic() + WITHIN
    while not await true():
        assert time.monotonic() < end, "it does not become true"
        await asyncio.sleep(0.2)


def queued(kubeconfig: str, objects: ObjectStore, places: int, test: Callable[[Queue], Awaitable[None]]) -> None:
    """Run a test before a queue with so many places."""

    async def whole(rig: Rig) -> None:
        queue = Queue(rig)
        await queue.open(places)
        try:
            await test(queue)
        finally:
            await queue.close()

    run(kubeconfig, objects, whole)


def test_what_is_held_back_says_what_kueue_says_and_takes_no_slot(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(queue: Queue) -> None:
        first = await queue.package()
        await eventually(lambda: queue.runs(first))
        second = await queue.package()
        assert (await queue.job(second))["spec"]["suspend"] is True
        await eventually(lambda: _told(queue, second, "insufficient unused quota for pods in flavor default"))
        assert await queue.rig.cluster().occupied_slots(JobKind.VALIDATE) == [first.namespace]

    queued(kubeconfig, objects, 1, test)


async def _told(queue: Queue, key: NamespacedName, words: str) -> bool:
    said = await queue.says(key)
    return "waiting to be admitted by its queue: " in said and words in said


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
        second, third = await queue.package(), await queue.package()
        for key in (second, first):
            await annotate(queue.rig, key, cancel="1")
            await queue.operator.reconcile(key)
            assert condition(await status_of(queue.rig, key), "Ready") == ("False", "Cancelled")
        await eventually(lambda: queue.runs(third))
        tombstone = await queue.job(second)
        assert QUEUE_LABEL not in tombstone["metadata"]["labels"]
        assert tombstone["spec"]["parallelism"] == 0
        assert not await queue.pods(second)

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
