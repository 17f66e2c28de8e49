"""Threads for work that would hold up the event loop: few of them, and a bounded number of those who wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class PoolFullError(Exception):
    """As much waits already as there is room for."""


class Pool:
    """`threads` at work, and `waiting` calls more that wait for one."""

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._name, self._threads = name, threads
        self._most, self._held = threads + waiting, 0
        self._executor: ThreadPoolExecutor | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """Return the work's result or raise its error. Raises PoolFullError. A caller who goes does not end it."""
        if self._held >= self._most:
            raise PoolFullError
        # Made late: most APIs inside a command never need one.
        self._executor = self._executor or ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)
        self._held += 1
        future = self._executor.submit(work)
        loop = asyncio.get_running_loop()
        future.add_done_callback(lambda _: _soon(loop, self._done))
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Start nothing more."""
        if self._executor:
            self._executor.shutdown(wait=False, cancel_futures=True)

    def _done(self) -> None:
        self._held -= 1


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(call)
