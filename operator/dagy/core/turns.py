"""Whose turn it is: first come, first served, within a limit for all and a limit for each namespace. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dagy.core.plan import Key


@dataclass(frozen=True, order=True)
class Waiting:
    """A package that waits for a slot; ordered by arrival, an RFC 3339 time with microseconds."""

    arrived: str
    namespace: str
    name: str

    @property
    def key(self) -> Key:
        """The package."""
        return Key(self.namespace, self.name)


@dataclass(frozen=True)
class Limits:
    """How many Jobs of one kind may run at the same time."""

    total: int
    per_namespace: int


def position_of(mine: Waiting, waiting: Iterable[Waiting], running: Sequence[str], limits: Limits) -> int:
    """0 when it is my turn; otherwise my place in the queue, from 1.

    `running` names the namespace of each running Job. A namespace at its own limit is passed over and blocks nobody
    else.
    """
    free = limits.total - len(running)
    used = Counter(running)
    place = 0
    for candidate in sorted({*waiting, mine}):
        allowed = free > 0 and used[candidate.namespace] < limits.per_namespace
        if allowed:
            free -= 1
            used[candidate.namespace] += 1
        if candidate == mine:
            return 0 if allowed else place + 1
        if not allowed:
            place += 1
    raise AssertionError("a candidate is among the candidates")
