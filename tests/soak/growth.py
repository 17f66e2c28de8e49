"""Whether something grows: a line through all rounds, and not the difference of two of them. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

LEAST_ROUNDS = 7
"""A line needs five, after the warm-up."""


@dataclass(frozen=True)
class Growth:
    """How much a quantity grew over all rounds after the warm-up, by its line, and how much it may."""

    name: str
    first: float
    last: float
    grown: float
    allowed: float

    @property
    def is_leak(self) -> bool:
        """True when it grew by more than it may."""
        return self.grown > self.allowed


def slope(values: Sequence[float]) -> float:
    """Growth from one round to the next (Theil and Sen): the median of all pairs, so that single rounds don't count."""
    pairs = combinations(enumerate(values), 2)
    return statistics.median((later - earlier) / (j - i) for (i, earlier), (j, later) in pairs)


def after_warm_up(rounds: int) -> int:
    """How many rounds at the beginning don't count: a third of them, as caches fill and threads start."""
    return rounds // 3


def growths(rounds: Sequence[Mapping[str, float]], allowed: Mapping[str, float]) -> list[Growth]:
    """How each quantity grew. Raises ValueError when there are too few rounds."""
    if len(rounds) < LEAST_ROUNDS:
        raise ValueError(f"{len(rounds)} rounds are too few")
    counted = rounds[after_warm_up(len(rounds)) :]
    found = []
    for name, most in allowed.items():
        values = [one[name] for one in counted]
        found.append(Growth(name, values[0], values[-1], slope(values) * (len(values) - 1), most))
    return found
