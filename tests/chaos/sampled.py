"""The faults of a seed. Where they strike is drawn from the counters of a run of the same scenario without faults."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.chaos import faults
from tests.chaos.faults import Fault, How
from tests.chaos.hands import DO

_KUBE = (How.REFUSED, How.LOST, How.CUT, How.SLOW, How.E401, How.E403, How.E429, How.E503)
_S3 = (How.REFUSED, How.LOST, How.CUT, How.CHECKSUM, How.SLOW, How.E401, How.E403, How.E503)
_KINDS = (
    "crash twice", "crash", "kube", "s3", "events", "mute", "stale", "two", "frozen", "node", "hand", "clock"
)  # fmt: skip
_STORMS = (100.0, 200.0, 400.0, 600.0)
_LONGER = 1.3
"""A run with faults makes more requests than one without."""


@dataclass(frozen=True)
class Size:
    """How much a run without faults did."""

    calls: int
    writes: int
    events: int


def crashes(clean: Size) -> Iterator[Fault]:
    """A crash before and after each write."""
    for write in range(1, clean.writes + 1):
        yield faults.Crash((write,))
        yield faults.Crash((write,), after=True)


def sampled(clean: Size, seed: int) -> Fault:
    """Return what strikes in the run of that seed: of three seeds two are storms."""
    return storm(clean, seed) if seed % 3 else single(clean, seed)


def single(clean: Size, seed: int) -> Fault:
    """Return one fault, or two at times."""
    rng = random.Random(seed)
    at, lengths = _place(rng, clean), (3.0, 30.0, 300.0)
    one = _fault(rng, rng.choice(_KINDS), at, lengths)
    return faults.Several((one, _fault(rng, rng.choice(_KINDS), at, lengths))) if rng.random() < 0.15 else one


def storm(clean: Size, seed: int) -> Fault:
    """Return 8 to 20 faults of some kinds, all over the run. What a hand does it does once."""
    rng = random.Random(seed)
    kinds, longer = rng.sample(_KINDS[1:], rng.randint(3, 8)), Size(*(int(n * _LONGER) for n in _numbers(clean)))
    found: list[Fault] = []
    hands = rng.sample(list(DO), len(DO))
    for _ in range(rng.randint(8, 20)):
        one = _fault(rng, rng.choice(kinds), _place(rng, longer), (2.0, 10.0, 30.0, 90.0, 240.0))
        if isinstance(one, faults.Hand):
            if not hands:
                continue
            one = replace(one, what=hands.pop())
        found.append(one)
    return faults.Storm(tuple(found), rng.choice(_STORMS))


def _numbers(size: Size) -> tuple[int, int, int]:
    return size.calls, size.writes, size.events


def _place(rng: random.Random, size: Size) -> Size:
    """Draw a place as a part of the whole, since one request more or less must not change all that is drawn later."""
    return Size(*(1 + int(rng.random() * number) for number in _numbers(size)))


def _fault(rng: random.Random, kind: str, at: Size, lengths: tuple[float, ...]) -> Fault:
    match kind:
        case "crash twice":
            return faults.Crash((at.writes, at.writes + rng.randint(1, 8)), after=rng.random() < 0.5)
        case "crash":
            return faults.Crash((at.writes,), after=rng.random() < 0.5)
        case "kube" | "s3":
            how = rng.choice(_KUBE if kind == "kube" else _S3)
            return faults.Outage(kind, how, at.calls, rng.choice(lengths))
        case "events":
            how = rng.choice(("dropped", "doubled", "reordered"))
            return faults.Events(how, at.events, rng.choice((1, 1, 4, 20)))
        case "mute":
            return faults.Mute(at.events, rng.choice((10.0, 75.0, 300.0)))
        case "stale":
            return faults.Stale(at.calls, rng.choice((1, 5, 50)))
        case "two":
            pauses = tuple((at.writes + rng.randint(0, 15), rng.choice((2.0, 15.0, 90.0))) for _ in range(3))
            return faults.Two(pauses)
        case "frozen":
            return faults.Frozen(at.writes, rng.choice((5.0, 75.0, 400.0)))
        case "node":
            return faults.NodeAway(at.events, rng.choice((10.0, 60.0)))
        case "hand":
            return faults.Hand(rng.choice(list(DO)), at.events)
        case _:
            return faults.Clock(at.calls, rng.choice((-3600.0, -30.0, 30.0, 3600.0)))
