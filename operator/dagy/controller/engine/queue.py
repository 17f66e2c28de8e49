"""The work queue: keys of objects that are to be looked at.

As in client-go: a key that is added twice is looked at once, a key that is added while it is being looked at is looked
at again afterwards, and never by two workers at the same time. Lines take turns, one for each namespace, so that
thousands of changes in one of them delay nobody else; within a line, first come, first served. Before all lines come
keys whose Jobs have news: they are few, as slots are, and what nobody has seen to is in the way of all others.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from typing_extensions import override

K = TypeVar("K", bound=Hashable)

FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 120.0
_LONGEST_OF_FEW_SECONDS = 40.0
"""So that everything goes on within a minute of a repair, unless so much fails that looking would be all the work."""
_FAILING_LOOKS_PER_SECOND = 20.0


class _Lines(Generic[K]):
    """Keys in lines that take turns, and those that are served before them."""

    def __init__(self, line_of: Callable[[K], Hashable], urgent: set[K]) -> None:
        self._line_of, self._urgent = line_of, urgent
        self._first: dict[K, None] = {}
        self._lines: OrderedDict[Hashable, dict[K, None]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, key: K) -> None:
        """Let the key stand in its line."""
        line = self._first if key in self._urgent else self._lines.setdefault(self._line_of(key), {})
        line[key] = None
        self._count += 1

    def popleft(self) -> K:
        """Take an urgent one, or the first of the line whose turn it is, which is the last one's afterwards."""
        self._count -= 1
        if self._first:
            key = next(iter(self._first))
            del self._first[key]
            self._urgent.discard(key)
            return key
        name, line = self._lines.popitem(last=False)
        key = next(iter(line))
        del line[key]
        if line:
            self._lines[name] = line
        return key

    def promote(self, key: K) -> None:
        """Serve a key before all lines, if it stands in one."""
        name = self._line_of(key)
        line = self._lines.get(name, {})
        if key in line:
            del line[key]
            if not line:
                del self._lines[name]
            self._first[key] = None


class _FairQueue(asyncio.Queue[K]):
    """A queue whose lines take turns."""

    def __init__(self, line_of: Callable[[K], Hashable], urgent: set[K]) -> None:
        self.lines = _Lines(line_of, urgent)
        super().__init__()

    @override
    def _init(self, maxsize: int) -> None:
        self._queue = self.lines


class WorkQueue(Generic[K]):
    """Keys waiting for workers. Not thread-safe: for one event loop."""

    def __init__(self, line_of: Callable[[K], Hashable] = lambda _key: None) -> None:
        self._urgent: set[K] = set()
        self._queue = _FairQueue(line_of, self._urgent)
        self._wanted: set[K] = set()
        self._active: set[K] = set()
        self._failures: dict[K, int] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}

    def add(self, key: K, *, urgent: bool = False) -> None:
        """Look at the key soon; an urgent one before all others, also when it waits already."""
        timer = self._timers.pop(key, None)
        if timer:
            timer.cancel()
        if urgent:
            self._urgent.add(key)
        if key in self._wanted:
            if urgent:
                self._queue.lines.promote(key)
            return
        self._wanted.add(key)
        if key not in self._active:
            self._queue.put_nowait(key)

    def add_after(self, key: K, seconds: float) -> None:
        """Look at the key after a delay, or earlier when something else asks for it."""
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer and timer.when() <= loop.time() + seconds:
            return
        if timer:
            timer.cancel()
        self._timers[key] = loop.call_later(seconds, self.add, key)

    @property
    def sizes(self) -> tuple[int, int, int]:
        """How many keys wait, are being looked at, and have failed at their last look."""
        return self._queue.qsize(), len(self._active), len(self._failures)

    async def idle(self) -> None:
        """Wait until every key that was added has been looked at; delayed keys don't count."""
        await self._queue.join()

    async def work(self, look: Callable[[K], Awaitable[None]], on_error: Callable[[K, Exception], None]) -> None:
        """Serve keys for ever. An error of `look` is reported, and the key is tried again with growing delays."""
        while True:
            key = await self._queue.get()
            self._wanted.discard(key)
            self._active.add(key)
            try:
                await look(key)
            except Exception as error:
                on_error(key, error)
                self.add_after(key, self._backoff(key))
            else:
                self._failures.pop(key, None)
            finally:
                self._active.discard(key)
                if key in self._wanted:
                    self._queue.put_nowait(key)
                self._queue.task_done()

    def _backoff(self, key: K) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        for_all = max(_LONGEST_OF_FEW_SECONDS, len(self._failures) / _FAILING_LOOKS_PER_SECOND)
        delay = min(LONGEST_BACKOFF_SECONDS, for_all, FIRST_BACKOFF_SECONDS * 2.0 ** min(failures - 1, 10))
        return delay * random.uniform(0.75, 1.25)  # noqa: S311 spreads retries, keeps no secret
