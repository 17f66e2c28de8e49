"""Where faults strike: every request of an operator to the API server and to S3 passes here. The product has no hook."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

from dagy.adapters.kube.api import KubeError
from tests.chaos import faults
from tests.chaos.faults import Fault, How, Outage
from tests.chaos.feed import Place, place_of
from tests.chaos.old_view import answer_of

if TYPE_CHECKING:
    from tests.chaos.process import Process
    from tests.chaos.virtual_time import VirtualLoop

_KUBE_REASONS = {401: "Unauthorized", 403: "Forbidden", 429: "TooManyRequests", 503: "ServiceUnavailable"}
_SLOW_SECONDS = 20.0
_MOST_CALLS = 20_000
"""Of a run: whoever makes more is in a loop that never ends, and dies of it, so that the run does end."""
_FREE, _LATENCY_SECONDS = 100, 0.05
"""Requests of one second that take no time, and the time that each further one takes: else a loop that an old view
causes would never end, as that view never would."""
_AWAY = Outage("s3", How.REFUSED, 0, 0.0)
"""S3 is away by the scenario."""
_VIEWED = (
    "deppackages", "flowdeployments", "slugclaims", "jobs", "pods", "configmaps", "cronjobs", "controllerrevisions",
)  # fmt: skip


class Died(BaseException):
    """The process has died. No `except Exception` sees it."""


@dataclass
class Window:
    """A stretch of time in which a fault lasts, from its first request on."""

    end: float
    old: dict[Place, Any] = field(default_factory=dict)
    """The objects as they are seen while it lasts."""


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
    injected: Counter[str] = field(default_factory=Counter)
    """How many faults of each family."""
    skew: float = 0.0
    calm_at: float = 0.0
    """Time from which no fault is at work."""
    _second: tuple[float, int] = (-1.0, 0)
    """When the present second began, and how many requests there were in it."""
    _away_until: float = 0.0
    _windows: dict[int, Window] = field(default_factory=dict)
    _restarts: dict[int, float] = field(default_factory=dict)
    """Since when."""
    _done: set[int] = field(default_factory=set)
    _until: float = math.inf

    def __post_init__(self) -> None:
        self.faults = faults.each(self.fault)
        if isinstance(self.fault, faults.Storm):
            self.rages(self.fault.seconds)

    def rages(self, seconds: float) -> None:
        """A storm begins, or goes on: no fault lasts longer than so many seconds from now on."""
        if isinstance(self.fault, faults.Storm):
            self._until = self.loop.time() + seconds

    @property
    def is_raging(self) -> bool:
        """True while new faults may strike."""
        return self.loop.time() < self._until

    def strikes(self, fault: Fault, seconds: float = 0.0) -> float:
        """A fault is injected now and lasts so long; the time at which it ends."""
        self.injected[faults.family(fault)] += 1
        end = min(self.loop.time() + seconds, self._until)
        self.calm_at = max(self.calm_at, end)
        return end

    def begins(self, place: int) -> bool:
        """True when the fault at this place may strike now, for the first and only time."""
        if place in self._done or not self.is_raging:
            return False
        self._done.add(place)
        return True

    def away(self, seconds: float) -> None:
        """Let S3 refuse connections for a while: a part of the scenario, and no fault."""
        self._away_until = self.loop.time() + seconds
        self.calm_at = max(self.calm_at, self._away_until)

    def is_away(self) -> bool:
        """True while S3 is away by the scenario."""
        return self.loop.time() < self._away_until

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
        await self._takes_time()
        await self._pauses(process, number)
        if self.restarting_until():
            self.injected[faults.family(faults.Restarts(0))] += 1
            await self._refuse(How.REFUSED)
        outage = self._outage("kube")
        if outage:
            self._meets(outage)
        how = outage.how if outage else None
        if how and how not in (How.LOST, How.CUT):
            await self._refuse(how)
        old = self._stale(process) if method == "GET" else None
        if old is not None and place_of(path).plural in _VIEWED and place_of(path).subresource == "":
            return answer_of(old, path, query)
        # What was sent is done, even if the sender dies meanwhile.
        sent = asyncio.ensure_future(self._forwarded(forward))
        sent.add_done_callback(lambda done: done.cancelled() or done.exception())
        answer = await asyncio.shield(sent)
        if how in (How.LOST, How.CUT):
            raise aiohttp.ServerDisconnectedError if write or how is How.LOST else aiohttp.ClientPayloadError("cut")
        self._leaves(process, number)
        if process.dead:
            raise asyncio.CancelledError
        return answer

    async def _takes_time(self) -> None:
        """Let time go on where a second has very many requests."""
        now, (since, count) = self.loop.time(), self._second
        self._second = (since, count + 1) if now - since < 1.0 else (now, 1)
        if self._second[1] > _FREE:
            await asyncio.sleep(_LATENCY_SECONDS)

    async def _forwarded(self, forward: Callable[[], Awaitable[bytes]]) -> bytes:
        async with self.loop.working():
            return await forward()

    def s3(self, process: Process, write: str) -> tuple[int, Outage | None]:
        """Let a request to S3 begin, in its thread; its number among the writes, and how S3 behaves."""
        number = self._enters(process, write)
        if any(isinstance(fault, faults.Two | faults.Frozen) for fault in self.faults):
            self.blocking(self._pauses(process, number))
            if process.dead:
                raise Died
        if self.is_away():
            return number, _AWAY
        outage = self._outage("s3")
        if outage and outage.how is How.SLOW:
            self._meets(outage)
            self.blocking(asyncio.sleep(_SLOW_SECONDS))
        return number, outage

    def s3_meets(self, outage: Outage) -> None:
        """A request to S3 meets an outage, which counts unless it is the scenario's."""
        if outage is not _AWAY:
            self._meets(outage)

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
        if self.calls > _MOST_CALLS:
            process.die()
            raise Died
        for place, fault in enumerate(self.faults):
            if isinstance(fault, faults.Clock) and self.calls >= fault.first and self.begins(place):
                self.skew += fault.seconds
                self.strikes(fault)
        if not write:
            return 0
        self.writes.append(write)
        self._dies(process, len(self.writes), after=False)
        return len(self.writes)

    def _leaves(self, process: Process, number: int) -> None:
        if number:
            self._dies(process, number, after=True)

    def _dies(self, process: Process, number: int, *, after: bool) -> None:
        for fault in self.faults if self.is_raging else ():
            if isinstance(fault, faults.Crash) and fault.after is after and number in fault.writes:
                self.strikes(fault, 1.0)
                process.die()
                raise Died

    async def _pauses(self, process: Process, number: int) -> None:
        for fault in self.faults if self.is_raging else ():
            if isinstance(fault, faults.Two) and process.number == 0:
                pauses = dict(fault.pauses)
            elif isinstance(fault, faults.Frozen):
                pauses = {fault.write: fault.seconds}
            else:
                continue
            if number in pauses:
                process.frozen_until = max(process.frozen_until, self.strikes(fault, pauses[number]))
        left = process.frozen_until - self.loop.time()
        if left > 0:
            await asyncio.sleep(left)

    def _outage(self, server: str) -> Outage | None:
        """Return the outage that a request to the server meets now."""
        for place, fault in enumerate(self.faults):
            if isinstance(fault, Outage) and fault.server == server and self.calls >= fault.first:
                if self.begins(place):
                    self._windows[place] = Window(min(self.loop.time() + fault.seconds, self._until))
                if self._is_open(place):
                    return fault
        return None

    def restarting_until(self) -> float:
        """Time at which the API server, which restarts now, is there again; 0 while it is there."""
        ends = 0.0
        for place, fault in enumerate(self.faults):
            if isinstance(fault, faults.Restarts) and self.calls >= fault.first:
                now = self.loop.time()
                if self.begins(place):
                    self._restarts[place] = now
                    self.calm_at = max(self.calm_at, min(now + fault.times * fault.every, self._until))
                if place in self._restarts and self.is_raging:
                    ends = max(ends, fault.ends(self._restarts[place], now))
        return min(ends, self._until)

    def _meets(self, outage: Outage) -> None:
        """A request meets an outage, whose end is known: each one counts."""
        self.strikes(outage)
        self.calm_at = max(self.calm_at, self._windows[self.faults.index(outage)].end)

    def _is_open(self, place: int) -> bool:
        return place in self._windows and self.loop.time() < self._windows[place].end

    def _stale(self, process: Process) -> dict[Place, Any] | None:
        for place, fault in enumerate(self.faults):
            if isinstance(fault, faults.Stale) and self.calls >= fault.first:
                if self.begins(place):
                    self._windows[place] = Window(self.strikes(fault, fault.seconds), self.view(fault.events))
                    since = max(0, self.changes() - fault.events)
                    self.loop.call_at(self._windows[place].end, self.catch_up, since)
                    process.die()
                    raise Died
                if self._is_open(place):
                    return self._windows[place].old
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
