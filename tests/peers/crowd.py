"""Many packages before one queue: their operator and their kubelets at work, and a count of what runs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from dagy.adapters.kube.api import deppackage_path, namespaced
from dagy.model.base import NamespacedName
from dagy.model.status import JobKind, Phase
from tests.fakes.controller import NAMESPACE, create
from tests.fakes.kubelet import BUILDS
from tests.peers.queues import Queue, is_over, package_of

Json = dict[str, Any]
_AT_A_TIME = 10
"""Packages that the operator looks at."""
_LONGEST_SECONDS = 4 * 3600


class Count:
    """Knows from each change of a Job how many there have been, and how many Kueue let run at a time."""

    def __init__(self) -> None:
        self.most, self.made = 0, set[str]()
        self._running = set[str]()

    async def follow(self, queue: Queue, version: str) -> None:
        """Take note of all changes since that resourceVersion, until cancelled."""
        # Left to itself, the API server ends a watch after half an hour or more.
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": _LONGEST_SECONDS}
        rest = b""
        async for chunk in queue.rig.admin.stream(namespaced("jobs", BUILDS), query=query, idle_seconds=600):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._note(json.loads(line))

    def _note(self, event: Json) -> None:
        job = event["object"]
        uid = job["metadata"]["uid"]  # an error of the watch has none, and fails
        self.made.add(uid)
        runs = event["type"] != "DELETED" and not job["spec"]["suspend"] and not is_over(job)
        self._running = self._running | {uid} if runs else self._running - {uid}
        self.most = max(self.most, len(self._running))


class Crowd:
    """Packages, each with a lock of its own, so that each is built."""

    def __init__(self, queue: Queue, keys: list[NamespacedName]) -> None:
        self.queue, self.keys = queue, keys
        self._kubelets = {key: queue.rig.alone(key).kubelet for key in keys}
        for kubelet in self._kubelets.values():
            kubelet.logs = queue.rig.kubelet.logs
        self._turn = asyncio.Semaphore(_AT_A_TIME)

    @classmethod
    async def arrives(cls, queue: Queue, number: int) -> Crowd:
        """Create so many, and let their validations stand in the queue."""
        crowd = cls(queue, [await create(queue.rig) for _ in range(number)])
        await crowd._look(crowd.keys)
        return crowd

    async def packages(self) -> dict[NamespacedName, Json]:
        """What status says of each."""
        found, _ = await self.queue.rig.admin.list(deppackage_path(NAMESPACE, "").rstrip("/"))
        told = {NamespacedName.of(one["metadata"]): one["status"] for one in found}
        return {key: told[key] for key in self.keys}

    async def held_back(self, kind: JobKind) -> list[NamespacedName]:
        """Those whose Jobs of that kind are not admitted."""
        return [
            key
            for key, job in (await self.queue.jobs()).items()
            if job["spec"]["suspend"] and job["metadata"]["labels"]["dagy.io/job"] == kind
        ]

    async def left(self) -> int:
        """Let all that does not wait go on by a step. Return how many are not COMPLETED."""
        jobs = await self.queue.jobs()
        told = await self.packages()
        unfinished = [key for key in self.keys if told[key]["phase"] != Phase.COMPLETED]
        await self._look([key for key in unfinished if not (key in jobs and jobs[key]["spec"]["suspend"])])
        # What ran before the look has its ConfigMap now.
        pods, _ = await self.queue.rig.admin.list(namespaced("pods", BUILDS))
        for pod in pods:
            job = jobs.get(package_of(pod))
            if job and not job["spec"]["suspend"] and _belongs(pod, job) and pod["status"]["phase"] == "Pending":
                await self._kubelets[package_of(pod)].succeed(job, pod)
        return len(unfinished)

    async def _look(self, keys: list[NamespacedName]) -> None:
        async def one(key: NamespacedName) -> None:
            async with self._turn:
                await self.queue.operator.reconcile(key)

        await asyncio.gather(*(one(key) for key in keys))


def _belongs(pod: Json, job: Json) -> bool:
    return any(owner["uid"] == job["metadata"]["uid"] for owner in pod["metadata"].get("ownerReferences", []))


@asynccontextmanager
async def counted(queue: Queue) -> AsyncIterator[Count]:
    """Count while the block runs."""
    count = Count()
    _, version = await queue.rig.admin.list(namespaced("jobs", BUILDS))
    following = asyncio.create_task(count.follow(queue, version))
    try:
        yield count
    finally:
        failed = following.done()  # by itself it never ends
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        assert not failed, "the watch has ended"
