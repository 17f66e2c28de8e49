"""One run: a namespace, the operator's processes with their faults, a node, and somebody who wants something."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dagy.adapters.kube.api import KubeApi, custom_path, namespaced
from dagy.adapters.settings.operator import Settings
from dagy_builder.storage.store import ObjectStore
from tests.chaos import faults, hands
from tests.chaos.deliveries import Deliveries
from tests.chaos.faults import Fault
from tests.chaos.feed import Change, Feed, Json, Place
from tests.chaos.gate import Gate
from tests.chaos.node import Node
from tests.chaos.observer import STOPPED
from tests.chaos.process import OperatorApi, Process, RunClock
from tests.chaos.settled import is_settled, summary
from tests.chaos.tapped import TappedApi
from tests.chaos.virtual_time import VirtualLoop
from tests.fakes.kubelet import BUCKET, BUILDS

LONGEST_SECONDS = 1500.0
"""Two resyncs of ten minutes and more: what has not settled by then never will."""
RESYNC_SECONDS: int = Settings.model_fields["resync_seconds"].default
_RESTART_SECONDS = 1.0


class NeverSettledError(Exception):
    """Something did not come to its end."""


@dataclass(frozen=True)
class Servers:
    """What all runs share."""

    admin: KubeApi
    operator: KubeApi
    objects: ObjectStore
    """For the played parts."""
    faulty: ObjectStore
    """For operators."""
    data: Path
    """Folder of the bucket on the S3 server's disk."""
    resync_seconds: int = RESYNC_SECONDS
    """The operators' setting."""


@dataclass
class Run:
    """See above. `seed` decides all that is random in it."""

    servers: Servers
    loop: VirtualLoop
    fault: Fault | None
    namespace: str
    seed: int
    feed: Feed = field(default_factory=Feed)

    def __post_init__(self) -> None:
        self._random = random.getstate()
        random.seed(self.seed)
        self._begun, self._real = self.loop.time(), datetime.now(UTC)
        self.gate = Gate(
            self.loop, self.fault, lambda: len(self.feed.changes), self.feed.before,
            lambda since: self.deliveries.catch_up(since),  # noqa: PLW0108 it is made below
        )  # fmt: skip
        self.api = TappedApi(self.servers.admin, self.feed, self.loop, self.stamp)
        self.node = Node(self.api, self.feed, self.servers.objects, BUILDS, self.true_time, self.gate.is_away)
        self.settings = Settings(
            s3_bucket=BUCKET, s3_prefix=self.namespace, builder_image="builder:1", watch_namespaces=self.namespace,
            max_builds=100, max_validations=100, max_builds_per_namespace=100, max_validations_per_namespace=100,
            resync_seconds=self.servers.resync_seconds,
        )  # fmt: skip
        self._processes: list[Process] = []
        self._over = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.stripped: dict[str, int] = {}
        """Packages whose finalizers were taken by hand, by UID, and after how many changes."""
        self.unclaimed: set[str] = set()
        """Slugs whose claims were deleted by hand."""
        self.failed: BaseException | None = None
        self.deliveries = Deliveries(
            self.gate, self.feed, self.node, self._tell, lambda what: self.start(hands.does(what, self))
        )

    # Time.

    def true_time(self) -> datetime:
        """The time of everybody but the operator."""
        return self._real + timedelta(seconds=self.loop.time() - self._begun)

    def clock(self) -> datetime:
        """The time of the operator's machine."""
        return self.true_time() + timedelta(seconds=self.gate.skew)

    def stamp(self) -> str:
        """The true time as the API server writes it."""
        return self.true_time().strftime("%Y-%m-%dT%H:%M:%SZ")

    # Processes.

    async def begin(self) -> None:
        """Make the namespace and start the operators."""
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        await self.api.create("/api/v1/namespaces", body)
        if any(isinstance(fault, faults.Two | faults.Frozen) for fault in self.gate.faults):
            self.deliveries.excused.add(STOPPED)
        for number in range(2 if any(isinstance(fault, faults.Two) for fault in self.gate.faults) else 1):
            self.start(self._lives(number))

    def start(self, work: Any) -> None:
        """Do it beside everything else; its failure is the run's."""
        task = asyncio.create_task(self._noted(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _noted(self, work: Any) -> None:
        try:
            await work
        except BaseException as error:
            if not isinstance(error, asyncio.CancelledError):
                self.failed = error
                self.feed.news.set()
            raise

    async def _lives(self, number: int) -> None:
        while not self._over:
            process = Process(
                number, self.gate, self.feed,
                connect=lambda process: OperatorApi(
                    self.servers.operator, process, self.feed, logs=self.node.log, hands=self.api,
                    clock=RunClock(self.clock, self.true_time),
                ),
                store=self.servers.faulty, settings=self.settings,
            )  # fmt: skip
            self._processes.append(process)
            try:
                await asyncio.create_task(process.run())
            finally:
                process.dead = True
                self._processes.remove(process)
            await asyncio.sleep(_RESTART_SECONDS)

    async def end(self) -> None:
        """Stop everything."""
        self._over = True
        for process in self._processes:
            process.dead = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.node.close()
        self.feed.listeners.clear()
        random.setstate(self._random)  # else tests that come after in this process draw what others draw

    def _tell(self, change: Change, before: Json | None) -> None:
        for process in self._processes:
            process.heard(change, before)

    # Waiting.

    async def until(self, fact: Callable[[], bool], seconds: float) -> bool:
        """Wait until it is so; False when it is not by then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not fact():
                    if self.failed:
                        raise self.failed
                    await self.feed.news.wait()
                return True
        return fact()

    async def settled(self) -> None:
        """Wait until all faults are over and everything has come to its end. Raises NeverSettledError."""
        while True:
            since = await self.calm()
            if not await self.until(lambda: all(map(is_settled, self.wanted())), LONGEST_SECONDS):
                raise NeverSettledError("; ".join(summary(obj) for obj in self.wanted() if not is_settled(obj)))
            if self.gate.calm_at == since:
                return

    async def calm(self) -> float:
        """Wait until all faults are over that have struck; since when that is so."""
        while (left := self.gate.calm_at - self.loop.time()) > 0:
            await asyncio.sleep(left)
        return self.gate.calm_at

    def wanted(self) -> list[Json]:
        """All packages and deployments."""
        return [*self.feed.all("deppackages", self.namespace), *self.feed.all("flowdeployments", self.namespace)]

    # Objects.

    def package(self, name: str) -> Json | None:
        """The package now."""
        return self.feed.present.get(Place("deppackages", self.namespace, name))

    def flow(self, name: str) -> Json | None:
        """The deployment now."""
        return self.feed.present.get(Place("flowdeployments", self.namespace, name))

    def status(self, name: str) -> Json:
        """The package's status; empty when it has none."""
        return (self.package(name) or {}).get("status") or {}

    def phase(self, name: str) -> str:
        """The package's phase; empty when it has none."""
        return str(self.status(name).get("phase") or "")

    def path_of(self, place: Place) -> str:
        """Path of any object."""
        if place.plural in ("deppackages", "flowdeployments"):
            return custom_path(place.plural, place.namespace, place.name)
        return namespaced(place.plural, place.namespace, place.name)

    def path(self, name: str, plural: str = "deppackages", subresource: str = "") -> str:
        """Path of an object of ours."""
        return custom_path(plural, self.namespace, name, subresource)

    async def create(self, name: str, **spec: Any) -> None:
        """Create a package."""
        body = {
            "apiVersion": "dagy.io/v1", "kind": "DepPackage", "metadata": {"name": name},
            "spec": {"pythonVersion": "3.12", "dependencies": ["idna"], **spec},
        }  # fmt: skip
        await self.api.create(custom_path("deppackages", self.namespace), body)

    async def change(self, name: str, plural: str = "deppackages", **spec: Any) -> None:
        """Change a spec."""
        await self.api.merge(self.path(name, plural), {"spec": spec})

    async def ask(self, name: str, plural: str = "deppackages", **requests: str) -> None:
        """Request something by annotation."""
        annotations = {f"dagy.io/{request}": value for request, value in requests.items()}
        await self.api.merge(self.path(name, plural), {"metadata": {"annotations": annotations}})

    async def delete(self, name: str, plural: str = "deppackages") -> None:
        """Delete an object of ours."""
        await self.api.request("DELETE", self.path(name, plural))
