"""Limit of Jobs that run at a time: the wait for a slot, and the one place that lets a Job start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from dagy.adapters.packages.cluster import Cluster
from dagy.core.metrics.metric import Recorder, unrecorded
from dagy.core.metrics.packages import Line, slot_samples
from dagy.core.package.queue import FairQueue, Limits, QueueEntry
from dagy.model.base import NamespacedName
from dagy.model.status import JobKind

_MORE = 10  # are woken than there are free slots, because not all of them will want theirs any more


class ConcurrencyLimiter:
    """Counts running Jobs in the cluster itself, so that a restart forgets nothing.

    The queue is only in memory: after a start no Job may start before `open`, which is called when every package has
    been looked at once, so that the order of arrival is known.
    """

    def __init__(
        self,
        cluster: Cluster,
        limits: Mapping[JobKind, Limits],
        wake: Callable[[NamespacedName], None],
        record: Recorder = unrecorded,
    ) -> None:
        self._cluster, self._wake, self._record = cluster, wake, record
        self._waiting_since: dict[tuple[JobKind, NamespacedName], float] = {}
        """Of the monotonic clock."""
        self._queues = {kind: FairQueue(limits[kind]) for kind in JobKind}
        self._locks = {kind: asyncio.Lock() for kind in JobKind}
        self._stale = set(JobKind)
        """Kinds whose Jobs have to be counted again before anybody is told that it is not its turn yet."""
        self._open = False

    def open(self) -> None:
        """Let Jobs start from now on."""
        self._open = True
        self.wake()

    def leave(self, key: NamespacedName, *, keep: JobKind | None = None) -> None:
        """Take the package out of the queues (but for that of `keep`)."""
        for kind, queue in self._queues.items():
            if kind is not keep:
                queue.remove(key)
                self._waiting_since.pop((kind, key), None)

    def lines(self) -> list[Line]:
        """Return what the queues look like now."""
        return [Line(kind, len(queue), queue.oldest, *queue.slots) for kind, queue in self._queues.items()]

    def stand_in_line(self, kind: JobKind, mine: QueueEntry) -> int:
        """Wait for a slot. Return 0 when it is worth asking for one (`start`), else the place in the queue, from 1.

        Takes no request, so that thousands of waiting packages cost next to nothing.
        """
        keeps_waiting, queue = self.keeps_waiting(kind, mine), self._queues[kind]
        if not keeps_waiting or (self._open and kind in self._stale):
            return 0
        return queue.place(mine.key)

    def keeps_waiting(self, kind: JobKind, mine: QueueEntry) -> bool:
        """Wait for a slot. Return False when its turn may be near, so that the package is worth a look."""
        queue = self._queues[kind]
        queue.add(mine)
        self._waiting_since.setdefault((kind, mine.key), time.monotonic())
        return not (self._open and queue.could_be_turn(mine.key))

    async def start(self, kind: JobKind, mine: QueueEntry, create: Callable[[], Awaitable[None]]) -> int:
        """Call `create` if it is this package's turn and return 0; else its place in the queue, from 1.

        One at a time, so `create` makes the Job and nothing more.
        """
        queue = self._queues[kind]
        async with self._locks[kind]:
            queue.add(mine)
            if kind not in self._stale and not queue.is_turn(mine.key):
                return queue.place(mine.key)  # somebody has counted meanwhile
            self._stale.discard(kind)
            try:
                queue.count(await self._cluster.occupied_slots(kind))
            except BaseException:
                self._stale.add(kind)
                raise
            queue.add(mine)  # a package that was told meanwhile to leave would not be here
            if queue.is_turn(mine.key):
                await create()
                queue.served(mine.key)
                self._stale.add(kind)  # it runs now
                now = time.monotonic()
                self._record(slot_samples(kind, now - self._waiting_since.pop((kind, mine.key), now)))
                return 0
        for key in queue.next():  # the count may have shown that it is theirs
            self._wake(key)
        return queue.place(mine.key)

    def wake(self) -> None:
        """Look again at the packages that wait first, because something has ended.

        Not at all of them: with thousands in the queue each end of a Job would rewrite thousands of positions.
        """
        for kind, queue in self._queues.items():
            self._stale.add(kind)
            for key in queue.next(more=_MORE):
                self._wake(key)
