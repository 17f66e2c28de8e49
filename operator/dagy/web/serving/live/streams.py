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
_KEPT_LOOKS = 4096


def _as_line(said: str) -> bytes:
    return f"\n{said}\n".encode()


class Streams:
    """The streams of one process. Each holds a connection to the API server, of a pool that nothing else uses."""

    def __init__(self, what: str = "logs", each: int = EACH, everybodys: int = ALL, hours: float = HOURS) -> None:
        """`what` is followed, in sentences."""
        self._what, self._each, self._all, self._hours = what, each, everybodys, hours
        self._held: Counter[str] = Counter()

    def check(self, caller: str) -> None:
        """Raise ProblemError when the caller (429), or everybody together (503), has as many as there may be."""
        if self._held[caller] >= self._each:
            raise _too_many(
                ApiReason.TOO_MANY_REQUESTS,
                f"You follow {self._each} {self._what} already, which is as many as one user may.",
            )
        if self._held.total() >= self._all:
            raise _too_many(
                ApiReason.BUSY,
                f"{self._all} {self._what} are being followed already, which is as many as this API can.",
            )

    async def bounded(
        self, caller: str, chunks: AsyncGenerator[bytes, None], last: Callable[[str], bytes] = _as_line
    ) -> AsyncGenerator[bytes, None]:
        """The chunks, while there is room for the stream and until its time is over; `last` says that it is."""
        async with aclosing(chunks):
            try:
                with self._holding(caller):
                    async for chunk in _until(time.monotonic() + self._hours * 3600, chunks):
                        yield chunk
            except ProblemError as error:  # others came first since the answer began
                yield last(error.detail)
            except TimeoutError:
                yield last(
                    f"The {self._what} are followed for {self._hours:g} hours at most. Follow them again to see more."
                )

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
            async with asyncio.timeout(deadline - time.monotonic()):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        yield chunk


def _too_many(reason: ApiReason, what: str) -> ProblemError:
    return ProblemError(reason, f"{what} Let one end, then try again.", headers={"Retry-After": "10"})


class SharedLooks:
    """One look at a thing for all who look at it within some seconds."""

    def __init__(self, most: int = _KEPT_LOOKS) -> None:
        self._most = most
        self._looks: dict[object, tuple[float, asyncio.Future[Any]]] = {}

    async def look(self, what: object, ask: Callable[[], Awaitable[T]], seconds: float = _LOOK_SECONDS) -> T:
        """Return the result of `ask` or raise its error; asked once in so many seconds, or in one after an error."""
        now = time.monotonic()
        self._looks = {one: look for one, look in self._looks.items() if look[0] > now or not look[1].done()}
        found = self._looks.get(what)
        if found is None:
            asked: asyncio.Future[Any] = asyncio.ensure_future(ask())
            asked.add_done_callback(lambda done: self._ended(what, done))
            found = self._looks[what] = (now + seconds, asked)
            while len(self._looks) > self._most:
                del self._looks[next(iter(self._looks))]
        return cast(T, await asyncio.shield(found[1]))

    def _ended(self, what: object, done: asyncio.Future[Any]) -> None:
        kept = self._looks.get(what)
        if (done.cancelled() or done.exception()) and kept and kept[1] is done:
            self._looks[what] = (min(kept[0], time.monotonic() + _LOOK_SECONDS), done)
