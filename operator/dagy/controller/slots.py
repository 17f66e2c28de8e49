"""Slots for Jobs: who waits, and the one place where a Job is let start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from dagy.adapters.cluster import Cluster
from dagy.core.facts import JobKind
from dagy.core.plan import Key
from dagy.core.turns import Limits, Waiting, position_of


class Slots:
    """Counts running Jobs in the cluster itself, so that a restart forgets nothing.

    Who waits is only in memory: after a start nothing is let start before `open`, which is called when every package
    has been looked at once, so that the order of arrival is known.
    """

    def __init__(self, cluster: Cluster, limits: Mapping[JobKind, Limits], wake: Callable[[Key], None]) -> None:
        self._cluster, self._limits, self._wake = cluster, limits, wake
        self._waiting: dict[JobKind, dict[Key, Waiting]] = {kind: {} for kind in JobKind}
        self._lock = asyncio.Lock()
        self._open = False

    def open(self) -> None:
        """Let Jobs start from now on."""
        self._open = True
        self.wake()

    def leave(self, key: Key, *, keep: JobKind | None = None) -> None:
        """The package waits no more (but for `keep`)."""
        for kind, waiting in self._waiting.items():
            if kind is not keep:
                waiting.pop(key, None)

    async def start(self, kind: JobKind, mine: Waiting, create: Callable[[], Awaitable[None]]) -> int:
        """Call `create` if it is this package's turn and return 0; else its place in the queue, from 1."""
        self._waiting[kind][mine.key] = mine
        if not self._open:
            return sorted(self._waiting[kind].values()).index(mine) + 1
        async with self._lock:
            occupied = await self._cluster.occupied_slots(kind)
            position = position_of(mine, self._waiting[kind].values(), occupied, self._limits[kind])
            if position == 0:
                await create()
                self._waiting[kind].pop(mine.key, None)
            return position

    def wake(self) -> None:
        """Something has ended: those who wait first are looked at again.

        Not all of them: with thousands in the queue each end of a Job would rewrite thousands of positions.
        """
        for kind, waiting in self._waiting.items():
            for first in sorted(waiting.values())[: self._limits[kind].total + 10]:
                self._wake(first.key)
