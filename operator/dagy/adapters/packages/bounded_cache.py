"""A cache with a bound in bytes: the values that were not used for longest go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class WeighedCache(Generic[K, V]):
    """At most `most_bytes` of values, by the weight that is given with each. Safe for threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._held, self._lock = most_bytes, 0, Lock()
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return the value, if it is still there."""
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: K, value: V, weight: int) -> None:
        """Keep the value. One that is heavier than the whole cache is not kept.

        Raises TypeError for an exception: it holds the frames that it came through, and their values have no weight.
        """
        if isinstance(value, BaseException):
            raise TypeError(f"{type(value).__name__} holds more than it weighs: keep what it says.")
        with self._lock:
            before = self._values.pop(key, None)
            self._held -= before[1] if before else 0
            if weight > self._most:
                return
            self._values[key] = value, weight
            self._held += weight
            while self._held > self._most:
                _, (_, weight) = self._values.popitem(last=False)
                self._held -= weight
