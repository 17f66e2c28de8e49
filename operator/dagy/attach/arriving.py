"""Bytes that arrive in parts while others read them already: readers wait for the part that they need."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from typing import Any

Buffer = Any
"""Something that a memoryview can be made of (`collections.abc.Buffer` comes with Python 3.12)."""


class Arriving:
    """An artifact's bytes, some of which may still be missing. Every way to them waits, or raises what went wrong.

    `data`: where the parts go, each of `part_bytes` but the last one. `verify`: raises AttachError unless all bytes are
    what they must be. It is called once all have arrived, also where something else is wrong with them: that they are
    others than announced explains everything.
    """

    def __init__(self, data: Buffer, part_bytes: int, verify: Callable[[], None]) -> None:
        self.data = memoryview(data)
        self.size = len(self.data)
        self._part_bytes, self._verify = part_bytes, verify
        self._missing = set(range(self.parts))
        self._reached = self._first_missing()
        self._error: BaseException | None = None
        self._changed = threading.Condition()

    @property
    def parts(self) -> int:
        """How many parts it has."""
        return -(-self.size // self._part_bytes)

    def place(self, part: int) -> tuple[int, int]:
        """Return the offsets of a part's beginning and end."""
        return part * self._part_bytes, min((part + 1) * self._part_bytes, self.size)

    @property
    def reached(self) -> int:
        """Bytes that have arrived from the beginning without a gap."""
        return self._reached

    def arrive(self, part: int) -> None:
        """Tell the readers that a part is there."""
        with self._changed:
            self._missing.discard(part)
            self._reached = self._first_missing()
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Tell the readers that nothing more will come, and why."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def wait_for(self, start: int, end: int) -> None:
        """Wait until the bytes from `start` to `end` are there. Raises the error of the transfer."""
        if end <= self._reached:
            return
        needed = range(start // self._part_bytes, -(-min(end, self.size) // self._part_bytes))
        self._wait_until(lambda: self._missing.isdisjoint(needed))

    def wait_beyond(self, offset: int) -> int:
        """Wait until more than `offset` bytes are there from the beginning. Return how many."""
        self._wait_until(lambda: self._reached > offset)
        return self._reached

    def verify(self) -> None:
        """Wait for all bytes. Raises AttachError unless they are those that were announced."""
        self.wait_for(0, self.size)
        self._verify()

    def reader(self) -> Reader:
        """Return a file of the bytes for those who can't wait by themselves."""
        return Reader(self)

    def _first_missing(self) -> int:
        return min(self._missing) * self._part_bytes if self._missing else self.size

    def _wait_until(self, there: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._error is not None or there())
            if self._error is not None:
                raise self._error


class Reader:
    """As much of a file as `zipfile` needs for reading."""

    def __init__(self, arriving: Arriving) -> None:
        self._arriving, self._at = arriving, 0

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position. Raises OSError for one before the beginning, as a file does."""
        at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._arriving.size}[whence]
        if at < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._at = at
        return at

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, once they are there."""
        left = max(0, self._arriving.size - self._at)
        end = self._at + (left if size < 0 else min(size, left))
        self._arriving.wait_for(self._at, end)
        data = bytes(self._arriving.data[self._at : end])
        self._at = end
        return data
