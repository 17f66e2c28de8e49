"""Work that runs ahead of whoever takes its results: in threads, in order, with a bound on what is under way."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Self, TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")


class Ahead(Generic[_T, _R]):
    """`work` for each of the batches (with their sizes), beginning at once. Use it as a context; iterate it once.

    Batches of at most `most` together are under way, or done and not taken; one that is larger alone.
    """

    def __init__(self, work: Callable[[_T], _R], batches: Iterable[tuple[_T, int]], *, threads: int, most: int) -> None:
        self._work, self._batches, self._most = work, iter(batches), most
        self._pool = ThreadPoolExecutor(threads)
        self._waiting: deque[tuple[Future[_R], int]] = deque()
        self._in_flight = 0
        self._next = next(self._batches, None)
        self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def __iter__(self) -> Iterator[_R]:
        """Yield the results in the order of the batches. Raises what the work raised."""
        while self._waiting:
            done, freed = self._waiting.popleft()
            result = done.result()
            self._in_flight -= freed
            self._start()
            yield result

    def _start(self) -> None:
        while self._next is not None:
            batch, size = self._next
            if self._waiting and self._in_flight + size > self._most:
                return
            self._waiting.append((self._pool.submit(self._work, batch), size))
            self._in_flight += size
            self._next = next(self._batches, None)
