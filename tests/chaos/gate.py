"""Where faults strike: every request of an operator to the API server and to S3 passes here. The product has no hook."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

from dagy.adapters.kube.api import KubeError
from tests.chaos import faults
from tests.chaos.faults import Fault, How
from tests.chaos.feed import Place, matches, place_of

if TYPE_CHECKING:
    from tests.chaos.process import Process
    from tests.chaos.virtual_time import VirtualLoop

_KUBE_REASONS = {401: "Unauthorized", 403: "Forbidden", 429: "TooManyRequests", 503: "ServiceUnavailable"}
_SLOW_SECONDS = 20.0
_VIEWED = (
    "deppackages",
    "flowdeployments",
    "slugclaims",
    "jobs",
    "pods",
    "configmaps",
    "cronjobs",
    "controllerrevisions",
)


class Died(BaseException):
    """The process has died. No `except Exception` sees it."""


@dataclass
class Window:
    """A stretch of time in which a fault lasts, from its first request on."""

    seconds: float
    end: float | None = None

    def open(self, now: float) -> bool:
        """True while it lasts; the first call begins it."""
        if self.end is None:
            self.end = now + self.seconds
        return now < self.end


@dataclass
class Gate:
    """The requests of one run's operators, counted, and what happens to them."""

    loop: VirtualLoop
    fault: Fault | None
    changes: Callable[[], int]
    view: Callable[[int], dict[Place, Any]]
    """The objects as they were some changes ago."""
    catch_up: Callable[[int], None]
    """Tell, as a watch that was behind, everything since so many changes from the beginning."""
    calls: int = 0
    writes: list[str] = field(default_factory=list)
    injected: int = 0
    skew: float = 0.0
    calm_at: float = 0.0
    """Time from which no fault is at work."""
    _away: tuple[How, float] | None = None
    _windows: dict[int, Window] = field(default_factory=dict)
    _old: dict[Place, Any] | None = None
    _done: set[tuple[int, int]] = field(default_factory=set)

    @property
    def _faults(self) -> tuple[Fault, ...]:
        match self.fault:
            case None:
                return ()
            case faults.Several(several):
                return several
            case one:
                return (one,)

    def strikes(self, seconds: float = 0.0) -> None:
        """A fault is injected now and lasts so long."""
        self.injected += 1
        self.calm_at = max(self.calm_at, self.loop.time() + seconds)

    def away(self, how: How, seconds: float) -> None:
        """Let S3 behave so for a while: a part of the scenario, and no fault."""
        self._away = how, self.loop.time() + seconds
        self.calm_at = max(self.calm_at, self.loop.time() + seconds)

    def is_away(self) -> bool:
        """True while S3 is away by the scenario."""
        return self._away is not None and self.loop.time() < self._away[1]

    async def kube(
        self,
        process: Process,
        method: str,
        path: str,
        query: Mapping[str, Any],
        forward: Callable[[], Awaitable[bytes]],
    ) -> bytes:
        """Make a request to the API server, or not."""
        write = method != "GET" and not path.endswith("reviews")
        if process.dead:
            raise asyncio.CancelledError
        number = self._enters(process, f"{method} {path}" if write else "")
        await self._pauses(process, number)
        outage = self._outage("kube")
        if outage and outage not in (How.LOST, How.CUT):
            await self._refuse(outage)
        old = self._stale(process) if method == "GET" else None
        if old is not None and place_of(path).plural in _VIEWED and place_of(path).subresource == "":
            return _old_answer(old, path, query)
        # What was sent is done, even if the sender dies meanwhile.
        answer = await asyncio.shield(asyncio.ensure_future(self._forwarded(forward)))
        if outage and (write or outage is How.CUT):
            raise aiohttp.ServerDisconnectedError if write else aiohttp.ClientPayloadError("cut")
        self._leaves(process, number)
        if process.dead:
            raise asyncio.CancelledError
        return answer

    async def _forwarded(self, forward: Callable[[], Awaitable[bytes]]) -> bytes:
        async with self.loop.working():
            return await forward()

    def s3(self, process: Process, write: str) -> tuple[int, How | None]:
        """Let a request to S3 begin, in its thread; its number among the writes, and how S3 behaves."""
        number = self._enters(process, write)
        for fault in self._faults:
            if isinstance(fault, faults.Two | faults.Frozen):
                self.blocking(self._pauses(process, number))
        outage = self._outage("s3")
        if outage is How.SLOW:
            self.blocking(asyncio.sleep(_SLOW_SECONDS))
        return number, outage

    def s3_done(self, process: Process, number: int) -> None:
        """Let it end."""
        self._leaves(process, number)

    def blocking(self, what: Any) -> None:
        """Wait in a thread for something that takes time by the run's clock."""

        async def resting() -> None:
            self.loop.busy -= 1
            try:
                await what
            finally:
                self.loop.busy += 1

        asyncio.run_coroutine_threadsafe(resting(), self.loop).result()

    def _enters(self, process: Process, write: str) -> int:
        if process.dead:
            raise Died
        self.calls += 1
        for place, fault in enumerate(self._faults):
            if isinstance(fault, faults.Clock) and self.calls >= fault.first and (place, 0) not in self._done:
                self._done.add((place, 0))
                self.skew += fault.seconds
                self.strikes()
        if not write:
            return 0
        self.writes.append(write)
        self._dies(process, len(self.writes), after=False)
        return len(self.writes)

    def _leaves(self, process: Process, number: int) -> None:
        if number:
            self._dies(process, number, after=True)

    def _dies(self, process: Process, number: int, *, after: bool) -> None:
        for fault in self._faults:
            if isinstance(fault, faults.Crash) and fault.after is after and number in fault.writes:
                self.strikes(1.0)
                process.die()
                raise Died

    async def _pauses(self, process: Process, number: int) -> None:
        for fault in self._faults:
            if isinstance(fault, faults.Two) and process.number == 0:
                pauses = dict(fault.pauses)
            elif isinstance(fault, faults.Frozen):
                pauses = {fault.write: fault.seconds}
            else:
                continue
            if number in pauses:
                self.strikes(pauses[number])
                process.frozen_until = self.loop.time() + pauses[number]
        left = process.frozen_until - self.loop.time()
        if left > 0:
            await asyncio.sleep(left)

    def _outage(self, server: str) -> How | None:
        if self._away and server == "s3" and self.is_away():
            return self._away[0]
        for place, fault in enumerate(self._faults):
            if isinstance(fault, faults.Outage) and fault.server == server and self.calls >= fault.first:
                begun = place in self._windows
                window = self._windows.setdefault(place, Window(fault.seconds))
                if window.open(self.loop.time()):
                    if not begun:
                        self.strikes(fault.seconds)
                    else:
                        self.injected += 1
                    return fault.how
        return None

    def _stale(self, process: Process) -> dict[Place, Any] | None:
        for place, fault in enumerate(self._faults):
            if isinstance(fault, faults.Stale) and self.calls >= fault.first:
                begun = place in self._windows
                window = self._windows.setdefault(place, Window(fault.seconds))
                if not window.open(self.loop.time()):
                    return None
                if not begun:
                    self._old, since = self.view(fault.events), max(0, self.changes() - fault.events)
                    self.loop.call_later(fault.seconds, self.catch_up, since)
                    self.strikes(fault.seconds)
                    process.die()
                    raise Died
                return self._old
        return None

    async def _refuse(self, how: How) -> None:
        match how:
            case How.SLOW:
                await asyncio.sleep(_SLOW_SECONDS)
                return
            case How.REFUSED:
                raise aiohttp.ClientConnectionError("connection refused")
            case _:
                status = int(how)
                raise KubeError(status, _KUBE_REASONS[status], f"injected {status}")


def _old_answer(old: dict[Place, Any], path: str, query: Mapping[str, Any]) -> bytes:
    place = place_of(path)
    if place.name:
        found = old.get(place)
        if found is None:
            raise KubeError(404, "NotFound", f"{path} was not there")
        return json.dumps(found).encode()
    fields = [part.partition("=") for part in filter(None, str(query.get("fieldSelector", "")).split(","))]
    items = [
        obj
        for where, obj in old.items()
        if where.plural == place.plural and place.namespace in ("", where.namespace)
        and matches(obj["metadata"].get("labels") or {}, str(query.get("labelSelector", "")))
        and all(_field(obj, name) == value for name, _, value in fields)
    ]  # fmt: skip
    return json.dumps({"metadata": {"resourceVersion": "1"}, "items": items}).encode()


def _field(obj: Any, path: str) -> str:
    for name in path.split("."):
        obj = (obj or {}).get(name)
    return str(obj or "")
