"""An artifact into an unnamed file: parts in parallel, hashed in order as they arrive."""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from dagy.attach.arriving import Arriving
from dagy.attach.failure import AttachError
from dagy.attach.spec import AttachItem

_PART_BYTES = 8 << 20
_CONNECTIONS = 4

ReadRange = Callable[[memoryview, int], None]
"""A function that fills a buffer with the object's bytes from an offset."""


@contextmanager
def downloading(item: AttachItem, read_range: ReadRange, scratch: Path) -> Iterator[Arriving]:
    """Yield the item's bytes while they arrive. Nobody may see anything of them before they are verified.

    The file has no name, so nothing of it is left, however this process ends. Its blocks are reserved first: writing
    to a mapped file on a full disk is a signal and no error.
    """
    with tempfile.TemporaryFile(dir=scratch) as file:
        try:
            os.posix_fallocate(file.fileno(), 0, item.size_bytes)
        except OSError as error:
            raise AttachError(
                f"There is no room for {item.label} ({error.strerror}). Free disk on the node."
            ) from error
        # Never closed: views of it live in the tracebacks of errors. It goes with the last of them.
        data = mmap.mmap(file.fileno(), item.size_bytes)
        transfer = _Transfer(item, data, read_range)
        with transfer.running():
            yield transfer.arriving


class _Transfer:
    def __init__(self, item: AttachItem, data: mmap.mmap, read_range: ReadRange) -> None:
        self._item, self._read_range = item, read_range
        self._sha256: Future[str] = Future()
        self.arriving = Arriving(data, _PART_BYTES, self._verify)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Fetch the parts, the last one first: it has the ZIP's directory."""
        last = self.arriving.parts - 1
        with ThreadPoolExecutor(_CONNECTIONS) as connections, ThreadPoolExecutor(1) as hashing:
            self._sha256 = hashing.submit(self._hash)
            for part in (last, *range(last)):
                connections.submit(self._fetch, part)
            try:
                yield
            except BaseException as error:
                self.arriving.fail(error)
                connections.shutdown(wait=False, cancel_futures=True)
                raise

    def _fetch(self, part: int) -> None:
        start, end = self.arriving.place(part)
        try:
            self._read_range(self.arriving.data[start:end], start)
        except BaseException as error:
            self.arriving.fail(error)
        else:
            self.arriving.arrive(part)

    def _hash(self) -> str:
        try:
            total = hashlib.sha256()
            for start, end in map(self.arriving.place, range(self.arriving.parts)):
                self.arriving.wait_for(start, end)
                total.update(self.arriving.data[start:end])
        except BaseException as error:
            self.arriving.fail(error)
            raise
        return total.hexdigest()

    def _verify(self) -> None:
        item, sha256 = self._item, self._sha256.result()
        if sha256 != item.sha256:
            raise AttachError(
                f"The artifact of {item.label} has SHA-256 {sha256} instead of {item.sha256}; nothing of it was "
                "used. Somebody changed the object in the bucket: build the package again, and find out who."
            )
