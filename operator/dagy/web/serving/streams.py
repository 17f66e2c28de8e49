"""Answers that last: how many there may be, of one caller and in all, for how long, and what their looks share."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, TypeVar, cast

from dagy.core.rest.reasons import ApiReason
from dagy.web.serving.problems import ProblemError

T = TypeVar("T")
EACH, ALL = 4, 50
HOURS = 4.0
_LOOK_SECONDS = 1.0


class Streams:
    """The streams of one process. Each holds a connection to the API server, of a pool that nothing else uses."""

    def __init__(self, each: int = EACH, everybodys: int = ALL, hours: float = HOURS) -> None:
        self._each, self._all, self._hours = each, everybodys, hours
        self._held: Counter[str] = Counter()

    def check(self, caller: str) -> None:
        """Raise ProblemError (429) when the caller, or everybody together, has as many as there may be."""
        if self._held[caller] >= self._each:
            raise _too_many(f"You follow {self._each} logs already, which is as many as one user may.")
        if self._held.total() >= self._all:
            raise _too_many(f"{self._all} logs are being followed already, which is as many as this API can.")

    async def bounded(self, caller: str, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """The chunks, while there is room for the stream and until its time is over."""
        async with aclosing(chunks):
            try:
                with self._holding(caller):
                    async for chunk in _until(time.monotonic() + self._hours * 3600, chunks):
                        yield chunk
            except ProblemError as error:  # others came first since the answer began
                yield f"{error.detail}\n".encode()
            except TimeoutError:
                yield f"\nA log is followed for {self._hours:g} hours at most. Follow it again to see more.\n".encode()

    @contextmanager
    def _holding(self, caller: str) -> Iterator[None]:
        self.check(caller)
        self._held[caller] += 1
        try:
            yield
        finally:
            self._held[caller] -= 1
            if not self._held[caller]:
                del self._held[caller]


async def _until(deadline: float, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    while True:
        try:
            yield await asyncio.wait_for(anext(chunks), deadline - time.monotonic())
        except StopAsyncIteration:
            return


def _too_many(what: str) -> ProblemError:
    return ProblemError(
        ApiReason.TOO_MANY_REQUESTS, f"{what} Let one end, then try again.", headers={"Retry-After": "10"}
    )


class SharedLooks:
    """One look at a thing for all who look at it within a second."""

    def __init__(self) -> None:
        self._looks: dict[object, tuple[float, asyncio.Future[Any]]] = {}

    async def look(self, what: object, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the result of `ask` or raise its error; asked once."""
        now = time.monotonic()
        self._looks = {one: look for one, look in self._looks.items() if look[0] > now or not look[1].done()}
        found = self._looks.get(what)
        if found is None:
            asked: asyncio.Future[Any] = asyncio.ensure_future(ask())
            asked.add_done_callback(lambda done: done.cancelled() or done.exception())
            found = self._looks[what] = (now + _LOOK_SECONDS, asked)
        return cast(T, await asyncio.shield(found[1]))
