"""A queue of Kueue's in a test: its places, the packages in it, and what becomes of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from dagy.adapters.kube.api import namespaced
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import Rig, condition, create, run, status_of
from tests.fakes.kubelet import BUILDS
from tests.peers.kueue import VERSION

Json = dict[str, Any]
QUEUE, WITHIN = "builds", 180.0
GROUP = f"/apis/kueue.x-k8s.io/{VERSION}"


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
        await progressing(self._standing)
        for path in (f"namespaces/{BUILDS}/localqueues/{QUEUE}", f"clusterqueues/{QUEUE}", "resourceflavors/default"):
            await self.rig.admin.delete(f"{GROUP}/{path}")

    async def _standing(self) -> int:
        return len((await self.rig.admin.list(f"{GROUP}/namespaces/{BUILDS}/workloads"))[0])

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

    async def jobs(self) -> dict[NamespacedName, Json]:
        """The Jobs that have not ended, by package."""
        jobs, _ = await self.rig.admin.list(namespaced("jobs", BUILDS))
        return {package_of(job): job for job in jobs if not is_over(job)}

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

    async def is_cancelled(self, key: NamespacedName) -> bool:
        """Look at it; return True when it says that somebody has cancelled it."""
        await self.operator.reconcile(key)
        return condition(await status_of(self.rig, key), "Ready") == ("False", "Cancelled")

    async def says(self, key: NamespacedName) -> str:
        """Return what status says a little later."""
        await self.rig.reconciler(queue=QUEUE, hours_ahead=0.01).reconcile(key)
        return str((await status_of(self.rig, key))["message"])

    async def tells(self, key: NamespacedName, words: str) -> bool:
        """Return True when it says what Kueue says, and that is this: Kueue comes to a new Job a little later."""
        said = await self.says(key)
        return "waiting to be admitted by its queue: " in said and words in said


async def progressing(left: Callable[[], Awaitable[int]]) -> None:
    """Return when nothing is left; as long as that gets less, it may take its time."""
    least, end = await left(), time.monotonic() + WITHIN
    while least:
        await asyncio.sleep(0.5)
        now = await left()
        if now < least:
            least, end = now, time.monotonic() + WITHIN
        assert time.monotonic() < end, f"{now} are left"


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


def package_of(item: Json) -> NamespacedName:
    """The package that a Job or pod is for."""
    namespace, name = item["metadata"]["annotations"]["dagy.io/package"].split("/")
    return NamespacedName(namespace, name)


def is_over(job: Json) -> bool:
    """True when the Job has ended, well or not."""
    conditions = job.get("status", {}).get("conditions", [])
    return any(one["type"] in ("Complete", "Failed") and one["status"] == "True" for one in conditions)
