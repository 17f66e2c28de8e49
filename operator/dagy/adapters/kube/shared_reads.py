"""One request for all who ask for the same thing while another is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SharedReads(Generic[K, V]):
    """Reads shared by all who wait: each was begun after its readers came, so it is as new as one of their own."""

    def __init__(self, read: Callable[[K], Awaitable[V]]) -> None:
        self._read = read
        self._running: dict[K, asyncio.Task[V]] = {}
        self._next: dict[K, asyncio.Task[V]] = {}

    async def __call__(self, key: K) -> V:
        """Return the answer. Raises the error of `read`, to each of those who share it."""
        if key not in self._next:
            self._next[key] = asyncio.create_task(self._after(self._running.get(key), key))
        return await asyncio.shield(self._next[key])

    async def _after(self, earlier: asyncio.Task[V] | None, key: K) -> V:
        if earlier:
            await asyncio.wait([earlier])
        mine = self._running[key] = self._next.pop(key)
        try:
            return await self._read(key)
        finally:
            if self._running.get(key) is mine:
                del self._running[key]
