"""Readiness of the cluster, for those who ask without a token: asked once in a while, however often it is wanted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

_SECONDS = 2.0


class Readiness:
    """Asks at most once in so many seconds, and one question at a time; what it found holds until then."""

    def __init__(
        self,
        ask: Callable[[], Awaitable[object]],
        seconds: float = _SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._seconds, self._clock = ask, seconds, clock
        self._lock = asyncio.Lock()
        self._asked: float | None = None
        self._error: Exception | None = None

    async def check(self) -> None:
        """Ask whether the cluster answers, unless that was asked lately. Raises the last question's error."""
        async with self._lock:
            if self._asked is None or self._clock() - self._asked >= self._seconds:
                try:
                    await self._ask()
                    self._error = None
                except Exception as error:
                    self._error = error
                self._asked = self._clock()
            if self._error:
                raise self._error.with_traceback(None)  # or each time would make it longer
