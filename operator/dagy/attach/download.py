"""An artifact into an unnamed file: parts in parallel, hashed in order as they arrive."""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from dagy.attach.failure import AttachError
from dagy.attach.spec import AttachItem

_PART_BYTES = 8 << 20
_CONNECTIONS = 4

ReadRange = Callable[[memoryview, int], None]
"""A function that fills a buffer with the object's bytes from an offset."""


@contextmanager
def downloaded(item: AttachItem, read_range: ReadRange, scratch: Path) -> Iterator[BinaryIO]:
    """Yield a file of exactly the item's bytes, open while the block runs. Raises AttachError when their hash differs.

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
        found = _fetch(memoryview(data), item.size_bytes, read_range)
        if found != item.sha256:
            raise AttachError(
                f"The artifact of {item.label} has SHA-256 {found} instead of {item.sha256}; nothing of it was "
                "used. Somebody changed the object in the bucket: build the package again, and find out who."
            )
        yield file


def _fetch(view: memoryview, size: int, read_range: ReadRange) -> str:
    """Fill `view`. Return the SHA-256 (hex) of all of it."""
    total = hashlib.sha256()

    def part(start: int) -> memoryview:
        piece = view[start : min(start + _PART_BYTES, size)]
        read_range(piece, start)
        return piece

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        parts = [pool.submit(part, start) for start in range(0, size, _PART_BYTES)]
        try:
            for future in parts:
                total.update(future.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return total.hexdigest()
