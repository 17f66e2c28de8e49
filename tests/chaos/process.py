"""One operator's process: the product's own wiring, without Kopf, whose events the feed gives instead."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from dagy.adapters.kube.api import KubeApi
from dagy.adapters.server_clock import ServerClock
from dagy.adapters.settings.operator import Settings
from dagy.controller.engine.watch import OnChange, Resource
from dagy.controller.flows.wiring import Flows
from dagy.controller.packages.wiring import Packages
from dagy.model import constants as names
from dagy_builder.storage.store import ObjectStore
from tests.chaos.feed import Change, Feed, matches, place_of
from tests.chaos.tapped import TappedApi

if TYPE_CHECKING:
    from tests.chaos.gate import Gate

_CREATED = re.compile(
    rb'"uid":"([0-9a-f-]{36})","resourceVersion":"\d+",(?:"generation":\d+,)?"creationTimestamp":"([^"]+)"'
)
Logs = Callable[[str, str, bool], AsyncIterator[bytes]]


class RunClock(ServerClock):
    """The clock of an operator whose API server has the run's time, which jumps over every wait."""

    def __init__(self, own: Callable[[], datetime], true: Callable[[], datetime]) -> None:
        super().__init__(own, asyncio.get_running_loop().time)
        self._true = true

    @override
    def told(self, asked: datetime, status: int, headers: Mapping[str, str]) -> None:
        super().told(asked, status, {"Date": format_datetime(self._true(), usegmt=True)})


class OperatorApi(KubeApi):
    """The API as one process reaches it."""

    def __init__(
        self, inner: KubeApi, process: Process, feed: Feed, *, logs: Logs, hands: TappedApi, clock: RunClock
    ) -> None:
        super().__init__(inner._client, token=inner._token, manager=inner._manager)
        self.clock = clock
        self._process, self._feed, self._logs, self._hands = process, feed, logs, hands

    @override
    async def request(self, method: str, path: str, **options: Any) -> bytes:
        async def forward() -> bytes:
            answer = await super(OperatorApi, self).request(method, path, **options)
            if method not in ("GET", "DELETE"):
                self._feed.wrote(path, answer, self._hands.stamp())
            elif method == "DELETE":
                await self._hands.deleted(path, answer)
            return self._as_of_run(answer)

        return await self._process.gate.kube(self._process, method, path, options.get("query") or {}, forward)

    @override
    async def _at_most(self, most: int, path: str, query: Mapping[str, Any], accept: str) -> bytes | None:
        async def forward() -> bytes:
            answer = await super(OperatorApi, self)._at_most(most, path, query, accept)
            assert answer is not None
            return self._as_of_run(answer)

        return await self._process.gate.kube(self._process, "GET", path, query, forward)

    @override
    @asynccontextmanager
    async def streaming(
        self, path: str, *, query: Mapping[str, Any], idle_seconds: float
    ) -> AsyncGenerator[AsyncIterator[bytes], None]:
        async def forward() -> bytes:
            return b""

        await self._process.gate.kube(self._process, "GET", path, query, forward)
        yield self._logs(place_of(path).name, str(query["container"]), bool(query.get("follow")))

    def _as_of_run(self, answer: bytes) -> bytes:
        """Times of creation by the run's clock."""

        def born(found: re.Match[bytes]) -> bytes:
            time = self._feed.born.get(found[1].decode())
            return found[0].replace(found[2], time.encode()) if time else found[0]

        return _CREATED.sub(born, answer)


class Process:
    """A process: it knows nothing when it begins, and everything in it ends at once when it dies."""

    def __init__(
        self,
        number: int,
        gate: Gate,
        feed: Feed,
        *,
        connect: Callable[[Process], KubeApi],
        store: ObjectStore,
        settings: Settings,
    ) -> None:
        self.number, self.gate = number, gate
        self.dead, self.frozen_until = False, 0.0
        self._feed, self._loop = feed, asyncio.get_running_loop()
        self._died = asyncio.Event()
        api = connect(self)
        self.packages = Packages(api, store, settings, api.clock)
        self.flows = Flows(api, store, settings, self.packages.queue.add, api.clock)
        self._settings = settings
        self._handlers: dict[Resource, tuple[OnChange, tuple[str, ...]]] = {
            Resource(names.GROUP, names.DEPPACKAGE_PLURAL, names.VERSION): (self._package_changed, settings.namespaces),
            **{kind: (handler, settings.namespaces) for kind, handler in self.flows.handlers().items()},
        }
        for kind, handler in self.packages.job_handlers().items():
            self._handlers[kind] = (handler, (settings.build_namespace,))

    def _package_changed(self, package: Mapping[str, Any], _deleted: bool) -> None:
        self.flows.package_changed(package)
        self.packages.controller.changed(package)

    def die(self) -> None:
        """Die, in any thread."""
        self.dead = True
        self._loop.call_soon_threadsafe(self._died.set)

    def heard(self, change: Change, before: Any = None) -> None:
        """Take an event of a watch, as Kopf would hand it on."""
        if self.dead:
            return
        for resource, (handler, namespaces) in self._handlers.items():
            if change.place.plural != resource.plural or change.place.namespace not in namespaces:
                continue
            fits = matches(change.object["metadata"].get("labels") or {}, resource.label_selector)
            did = before is not None and matches(before["metadata"].get("labels") or {}, resource.label_selector)
            if fits or did:
                handler(change.object, change.deleted or not fits)

    async def run(self) -> None:
        """Run until it dies or is cancelled."""
        from tests.chaos.storage import CURRENT

        CURRENT.set(self)
        try:
            async with asyncio.TaskGroup() as group:
                self.packages.start(group)
                self.flows.start(group)
                for place, obj in list(self._feed.present.items()):
                    self.heard(Change(place, obj))
                await self._died.wait()
                running = asyncio.current_task()
                assert running
                running.cancel()
                await asyncio.sleep(0)
        except (asyncio.CancelledError, BaseExceptionGroup):
            if not self.dead:
                raise
        finally:
            self.dead = True
            self.packages.stop()
