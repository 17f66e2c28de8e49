"""Fair queue of Jobs: namespaces take turns; within one, first come, first served. Pure.

A namespace's next Job competes with what the namespace has running: the namespace with less comes first; among equals,
the one that was served longer ago. Each package that waits thus has a level, the number of Jobs that its namespace has
or would have before it, and the order is by level. A namespace at its own limit has nobody at a level below it, so it
is passed over.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from operator import itemgetter

from dagy.core.common.timestamp import timestamp
from dagy.model.base import NamespacedName
from dagy.model.status import BuildStatus

_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, order=True)
class QueueEntry:
    """A package that waits for a slot; ordered by arrival, an RFC 3339 time with microseconds."""

    arrived: str
    namespace: str
    name: str

    @property
    def key(self) -> NamespacedName:
        """The package."""
        return NamespacedName(self.namespace, self.name)


def entry_of(key: NamespacedName, build: BuildStatus | None, now: datetime) -> QueueEntry:
    """Return a package's entry: it arrived when its status says that it began to wait, else now."""
    return QueueEntry((build and build.queued_at) or timestamp(now), key.namespace, key.name)


@dataclass(frozen=True)
class Limits:
    """The greatest numbers of Jobs of one kind that may run at the same time."""

    total: int
    per_namespace: int


def limits_of(total: int, per_namespace: int) -> Limits:
    """Return the limits; 0 for a namespace means half of all, so that no namespace can hold up every other."""
    return Limits(total, per_namespace or max(1, total // 2))


class FairQueue:
    """The queue for slots of one kind.

    A look costs the comparisons of one binary search and a few numbers for each namespace, however many wait.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lines: dict[str, list[QueueEntry]] = {}
        self._arrivals: dict[NamespacedName, QueueEntry] = {}
        self._running: Mapping[str, int] = {}
        self._served: OrderedDict[str, int] = OrderedDict()
        self._turn = 0

    def __len__(self) -> int:
        return len(self._arrivals)

    def __contains__(self, key: NamespacedName) -> bool:
        return key in self._arrivals

    def add(self, mine: QueueEntry) -> None:
        """Stand in line, at the place of the arrival."""
        if self._arrivals.get(mine.key) == mine:
            return
        self.remove(mine.key)
        self._arrivals[mine.key] = mine
        insort(self._lines.setdefault(mine.namespace, []), mine)

    def remove(self, key: NamespacedName) -> None:
        """Leave the line; do nothing for a package that isn't in it."""
        mine = self._arrivals.pop(key, None)
        if mine is None:
            return
        line = self._lines[mine.namespace]
        del line[bisect_left(line, mine)]
        if not line:
            del self._lines[mine.namespace]

    @property
    def oldest(self) -> str:
        """The earliest arrival of those that wait (RFC 3339); empty when none does."""
        return min((line[0].arrived for line in self._lines.values()), default="")

    @property
    def slots(self) -> tuple[int, int]:
        """How many slots are taken, as last counted, and how many there are."""
        return sum(self._running.values()), self._limits.total

    def count(self, running: Iterable[str]) -> None:
        """Take the namespace of each Job that runs now; the order goes by these from here on."""
        self._running = Counter(running)

    def served(self, key: NamespacedName) -> None:
        """A Job of the package was started: it leaves the line, and its namespace goes behind its equals."""
        self.remove(key)
        self._turn += 1
        self._served[key.namespace] = self._turn
        self._served.move_to_end(key.namespace)
        if len(self._served) > _MOST_REMEMBERED:
            self._served.popitem(last=False)

    def place(self, key: NamespacedName) -> int:
        """Return the place of a waiting package, from 1: the number of turns until its own."""
        mine = self._arrivals[key]
        level, *behind = self._rank(mine.namespace, bisect_left(self._lines[mine.namespace], mine))
        before = 0
        for namespace, line in self._lines.items():
            below = level - self._running.get(namespace, 0)
            before += min(max(below, 0), len(line))
            if namespace != mine.namespace and 0 <= below < len(line) and self._precedence(namespace) < tuple(behind):
                before += 1
        return before + 1

    def is_turn(self, key: NamespacedName) -> bool:
        """Return True when a slot is free for the package, those before it considered."""
        mine = self._arrivals[key]
        level = self._running.get(mine.namespace, 0) + bisect_left(self._lines[mine.namespace], mine)
        return level < self._limits.per_namespace and self.place(key) <= self._free

    def could_be_turn(self, key: NamespacedName) -> bool:
        """Return True when the package may get its turn once all that runs has ended."""
        return self.place(key) <= self._limits.total

    def next(self, more: int = 0) -> list[NamespacedName]:
        """Return the packages that may start, in order, and so many `more` after them."""
        ranked = merge(*(self._ranked(namespace) for namespace in self._lines), key=itemgetter(0))
        first = islice(ranked, max(self._free, 0) + more)
        return [one.key for (level, *_), one in first if more or level < self._limits.per_namespace]

    @property
    def _free(self) -> int:
        return self._limits.total - sum(self._running.values())

    def _ranked(self, namespace: str) -> Iterator[tuple[tuple[int, int, str, str], QueueEntry]]:
        for index, one in enumerate(self._lines[namespace]):
            yield self._rank(namespace, index), one

    def _rank(self, namespace: str, index: int) -> tuple[int, int, str, str]:
        return (self._running.get(namespace, 0) + index, *self._precedence(namespace))

    def _precedence(self, namespace: str) -> tuple[int, str, str]:
        """Return the order among namespaces at one level: by the last turn, then by the first arrival."""
        return self._served.get(namespace, 0), self._lines[namespace][0].arrived, namespace
