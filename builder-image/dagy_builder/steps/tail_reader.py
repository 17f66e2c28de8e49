"""Reading a file that another process is still writing."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path


class GrowingFile:
    """A file at `path`, which may not even exist yet.

    `ticks` yields whenever there may be more of it, and ends when the writer has ended.
    """

    def __init__(self, path: Path, ticks: Iterable[None] = ()) -> None:
        self._path, self._ticks = path, iter(ticks)

    def wait_for(self, size: int) -> bool:
        """Wait until that many bytes are there, or the writer has ended. False when it ended without a file."""
        while not (self._path.exists() and self._path.stat().st_size >= size) and self._more():
            pass
        return self._path.exists()

    def blocks(self, size: int) -> Iterator[bytes]:
        """All bytes in blocks of `size`, the last one shorter, each as soon as it is there. Can be started again.

        Raises FileNotFoundError when the writer ended without a file.
        """
        self.wait_for(0)
        with self._path.open("rb", buffering=0) as file:
            offset = 0
            while block := self._block(file.fileno(), offset, size):
                yield block
                offset += len(block)

    def _block(self, fd: int, offset: int, size: int) -> bytes:
        while os.fstat(fd).st_size < offset + size and self._more():
            pass
        block = bytearray()
        while piece := os.pread(fd, size - len(block), offset + len(block)):
            block += piece
        return bytes(block)

    def _more(self) -> bool:
        return next(self._ticks, self) is None
