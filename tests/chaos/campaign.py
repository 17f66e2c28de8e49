"""Runs of scenarios with faults, each compared with a run of the same scenario without any."""

from __future__ import annotations

import asyncio
import faulthandler
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagy_builder.storage.store import ObjectStore
from tests.chaos.administrator import delete_all
from tests.chaos.endstate import end_state, leftovers
from tests.chaos.faults import LOST_EVENTS, Fault
from tests.chaos.hands import ZIPS
from tests.chaos.observer import Observer
from tests.chaos.run import RESYNC_SECONDS, NeverSettledError, Run, Servers
from tests.chaos.sampled import Size
from tests.chaos.scenarios import SCENARIOS
from tests.chaos.storage import faulty
from tests.chaos.virtual_time import VirtualLoop
from tests.fakes.connections import connect, connect_operator
from tests.fakes.kubelet import BUCKET

_CALM_SECONDS = 130.0
_REAL_SECONDS = 240.0
"""After which a run tells where it is."""
_GONE_SECONDS = 1100.0
_STORM_SECONDS = 200.0
_HOUR_SECONDS = 3800.0
_NOTHING = Size(0, 0, 0)


@dataclass
class Outcome:
    """What came of one run."""

    scenario: str
    fault: Fault | None
    seed: int
    end: Any = None
    broken: list[str] = field(default_factory=list)
    recovery: float = 0.0
    struck: Counter[str] = field(default_factory=Counter)
    """Injected faults, by family."""
    size: Size = _NOTHING
    seconds: float = 0.0
    jobs: int = 0
    transitions: list[str] = field(default_factory=list)
    equal: bool = True

    @property
    def injected(self) -> int:
        """How many faults were injected."""
        return self.struck.total()


class Campaign:
    """Plays runs on the same servers."""

    def __init__(self, servers: Servers, loop: VirtualLoop, observer: Observer, name: str) -> None:
        self._servers, self._loop, self._observer, self._name = servers, loop, observer, name
        self._number = 0
        self._clean: dict[str, Outcome] = {}

    async def clean(self, scenario: str) -> Outcome:
        """The run without faults, made once."""
        if scenario not in self._clean:
            found = await self._play(scenario, None, 0)
            assert not found.broken, (scenario, found.broken)
            self._clean[scenario] = found
        return self._clean[scenario]

    async def play(self, scenario: str, fault: Fault, seed: int = 0) -> Outcome:
        """Make one run and compare its end."""
        clean = await self.clean(scenario)
        outcome = await self._play(scenario, fault, seed)
        outcome.equal = outcome.end == clean.end
        return outcome

    async def _play(self, scenario: str, fault: Fault | None, seed: int) -> Outcome:
        self._number += 1
        run = Run(self._servers, self._loop, fault, f"{self._name}-{self._number}", seed)
        outcome, begun = Outcome(scenario, fault, seed), time.monotonic()
        faulthandler.dump_traceback_later(_REAL_SECONDS)
        self._observer.expect(run.namespace, lambda: run.deliveries.excused)
        try:
            await run.begin()
            await SCENARIOS[scenario](run)
            await run.settled()
            self._recovered(run, outcome, 0.0)
            await asyncio.sleep(_calm_seconds(run))
            await run.settled()
            outcome.end = end_state(run)
            await self._tidy(run, outcome)
        except NeverSettledError as error:
            outcome.broken.append(f"never settled: {error}")
        finally:
            faulthandler.cancel_dump_traceback_later()
            versions = _versions(run)
            await run.end()
        async with self._loop.working():
            seen = await asyncio.to_thread(self._observer.caught_up, run.namespace, versions)
        if run.failed:
            raise run.failed
        outcome.broken += seen.broken
        outcome.transitions = seen.transitions
        outcome.struck, outcome.jobs = run.gate.injected, len(run.node.created)
        outcome.size = Size(run.gate.calls, len(run.gate.writes), len(run.feed.changes))
        outcome.seconds = time.monotonic() - begun
        return outcome

    def _recovered(self, run: Run, outcome: Outcome, begun: float) -> None:
        """Take note of how long it took from the end of the last fault on, or since it was begun if that was later."""
        if run.gate.injected:
            seconds = self._loop.time() - max(run.gate.calm_at, begun)
            outcome.recovery = max(outcome.recovery, seconds)

    async def _tidy(self, run: Run, outcome: Outcome) -> None:
        """Delete everything; nothing may stay. A storm goes on meanwhile."""
        run.gate.rages(_STORM_SECONDS)
        begun = self._loop.time()
        if stays := await delete_all(run, _GONE_SECONDS):
            outcome.broken.append(f"never gone: {stays}")
        self._recovered(run, outcome, begun)
        await run.calm()
        await asyncio.sleep(5.0)
        for job in list(run.feed.all("jobs", run.namespace)):  # of flows: the garbage collector's
            run.feed.gone(next(p for p, o in run.feed.present.items() if o is job))
        await asyncio.sleep(5.0)
        left = leftovers(run)
        if left:  # an operator's next resync may have to find it
            await asyncio.sleep(_resync_seconds(run))
            left = leftovers(run)
        if left:
            outcome.broken.append(f"left behind: {left}")


def _calm_seconds(run: Run) -> float:
    """Lost events are made up for by the next resync, and that a ZIP is gone is found out within an hour."""
    if ZIPS in run.deliveries.excused:
        return _HOUR_SECONDS
    return max(_CALM_SECONDS, _resync_seconds(run)) if LOST_EVENTS in run.gate.injected else _CALM_SECONDS


def _resync_seconds(run: Run) -> float:
    """After which the operator has looked at everything again, and was done with it."""
    return run.settings.resync_seconds + 40.0


def _versions(run: Run) -> dict[str, int]:
    return {
        change.uid: 1 << 62 if change.deleted else int(change.object["metadata"]["resourceVersion"])
        for change in run.feed.changes
        if change.place.plural in ("deppackages", "slugclaims", "pods")
    }


@contextmanager
def observing(kubeconfig: str, data: Path) -> Iterator[Observer]:
    """Observe while the block runs."""
    observer = Observer(kubeconfig, data)
    observer.start()
    try:
        yield observer
    finally:
        observer.stop()


@asynccontextmanager
async def campaign(
    kubeconfig: str,
    objects: ObjectStore,
    data: Path,
    loop: VirtualLoop,
    observer: Observer,
    name: str,
    resync_seconds: int = RESYNC_SECONDS,
) -> AsyncIterator[Campaign]:
    """A campaign on these servers; `name` begins the names of its namespaces, `resync_seconds` is the operators' setting."""
    async with loop.working():
        admin = await connect(kubeconfig)
        operator = await connect_operator(kubeconfig, admin)
    try:
        servers = Servers(admin, operator, objects, faulty(ObjectStore(BUCKET)), data, resync_seconds)
        yield Campaign(servers, loop, observer, name)
    finally:
        await operator.close()
        await admin.close()
