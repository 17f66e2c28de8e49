"""Runs of scenarios with faults, each compared with a run of the same scenario without any."""

from __future__ import annotations

import asyncio
import faulthandler
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagy_builder.storage.store import ObjectStore
from tests.chaos import faults
from tests.chaos.endstate import end_state, leftovers
from tests.chaos.faults import Fault, How
from tests.chaos.hands import DO
from tests.chaos.observer import Observer
from tests.chaos.run import NeverSettledError, Run, Servers
from tests.chaos.scenarios import SCENARIOS
from tests.chaos.storage import faulty
from tests.chaos.virtual_time import VirtualLoop
from tests.fakes.connections import connect, connect_operator
from tests.fakes.kubelet import BUCKET

_CALM_SECONDS = 130.0
_REAL_SECONDS = 240.0
"""After which a run tells where it is."""
_GONE_SECONDS = 1100.0
_RESYNC_SECONDS = 640.0


@dataclass
class Outcome:
    """What came of one run."""

    scenario: str
    fault: Fault | None
    seed: int
    end: Any = None
    broken: list[str] = field(default_factory=list)
    recovery: float = 0.0
    injected: int = 0
    calls: int = 0
    writes: int = 0
    events: int = 0
    seconds: float = 0.0
    jobs: int = 0
    transitions: list[str] = field(default_factory=list)
    equal: bool = True


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
        self._observer.expect(run.namespace, lambda: run.excused)
        try:
            await run.begin()
            await SCENARIOS[scenario](run)
            await run.settled()
            outcome.recovery = max(0.0, self._loop.time() - run.gate.calm_at) if run.gate.injected else 0.0
            await asyncio.sleep(_CALM_SECONDS)
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
        outcome.injected, outcome.calls, outcome.writes = run.gate.injected, run.gate.calls, len(run.gate.writes)
        outcome.events, outcome.jobs = len(run.feed.changes), len(run.node.created)
        outcome.seconds = time.monotonic() - begun
        return outcome

    async def _tidy(self, run: Run, outcome: Outcome) -> None:
        """Delete everything; nothing may stay."""
        for obj in run.wanted():
            plural = "flowdeployments" if obj["kind"] == "FlowDeployment" else "deppackages"
            if obj["kind"] == "DepPackage":
                await run.change(obj["metadata"]["name"], deletionPolicy="Delete")
            await run.delete(obj["metadata"]["name"], plural)
        if not await run.until(lambda: not run.wanted(), _GONE_SECONDS):
            outcome.broken.append(f"never gone: {[o['metadata']['name'] for o in run.wanted()]}")
        await asyncio.sleep(5.0)
        for job in list(run.feed.all("jobs", run.namespace)):  # of flows: the garbage collector's
            run.feed.gone(next(p for p, o in run.feed.present.items() if o is job))
        await asyncio.sleep(5.0)
        left = leftovers(run)
        if left:  # an operator's next resync may have to find it
            await asyncio.sleep(_RESYNC_SECONDS)
            left = leftovers(run)
        if left:
            outcome.broken.append(f"left behind: {left}")


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
    kubeconfig: str, objects: ObjectStore, data: Path, loop: VirtualLoop, observer: Observer, name: str
) -> AsyncIterator[Campaign]:
    """A campaign on these servers; `name` begins the names of its namespaces."""
    async with loop.working():
        admin = await connect(kubeconfig)
        operator = await connect_operator(kubeconfig, admin)
    try:
        servers = Servers(admin, operator, objects, faulty(ObjectStore(BUCKET)), data)
        yield Campaign(servers, loop, observer, name)
    finally:
        await operator.close()
        await admin.close()


def crashes(clean: Outcome, every: int = 1) -> Iterator[Fault]:
    """A crash before and after each write of the run without faults."""
    for write in range(1, clean.writes + 1, every):
        yield faults.Crash((write,))
        yield faults.Crash((write,), after=True)


def sampled(clean: Outcome, seed: int) -> Fault:
    """Return the fault of that seed."""
    rng = random.Random(seed)
    call, write, event = (rng.randint(1, max(1, n)) for n in (clean.calls, clean.writes, clean.events))
    outage = lambda server, hows: faults.Outage(server, rng.choice(hows), call, rng.choice((3.0, 30.0, 300.0)))  # noqa: E731
    kinds: list[Any] = [
        lambda: faults.Crash((write, write + rng.randint(1, 8)), after=rng.random() < 0.5),
        lambda: faults.Crash((write,), after=rng.random() < 0.5),
        lambda: outage("kube", (How.REFUSED, How.LOST, How.CUT, How.SLOW, How.E401, How.E403, How.E429, How.E503)),
        lambda: outage("s3", (How.REFUSED, How.LOST, How.CUT, How.CHECKSUM, How.SLOW, How.E401, How.E403, How.E503)),
        lambda: faults.Events(rng.choice(("dropped", "doubled", "reordered")), event, rng.choice((1, 1, 4, 20))),
        lambda: faults.Mute(event, rng.choice((10.0, 75.0, 300.0))),
        lambda: faults.Stale(call, rng.choice((1, 5, 50))),
        lambda: faults.Two(tuple((write + rng.randint(0, 15), rng.choice((2.0, 15.0, 90.0))) for _ in range(3))),
        lambda: faults.Frozen(write, rng.choice((5.0, 75.0, 400.0))),
        lambda: faults.NodeAway(event, rng.choice((10.0, 60.0))),
        lambda: faults.Hand(rng.choice(list(DO)), event),
        lambda: faults.Clock(call, rng.choice((-3600.0, -30.0, 30.0, 3600.0))),
    ]
    one = rng.choice(kinds)()
    return faults.Several((one, rng.choice(kinds)())) if rng.random() < 0.15 else one
