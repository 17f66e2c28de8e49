"""Entries of bytes, each named by what it was made of.

An entry begins with a checksum of its name and its bytes: what was moved or damaged is as good as absent.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

_MOST_BYTES, _MOST_TOGETHER = 256 << 20, 8 << 30
"""Of an entry, and of a folder: compressed, the latter are some 24 GiB of wheels."""
_DIGEST_BYTES = 32
_UNUSED_SECONDS, _BETWEEN_SECONDS = 30 * 24 * 3600.0, 24 * 3600.0
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MARKER = "looked-through"


class KeptEntries:
    """Entries below `folder`, which is made when there is something to keep. `anew`: nothing is found, all is kept."""

    def __init__(self, folder: Path, *, anew: bool = False) -> None:
        self._folder, self._anew = folder, anew

    def find(self, name: str) -> memoryview | None:
        """Return the bytes that are kept under a name (see `name_of`); None when there is nothing of use."""
        if self._anew:
            return None
        path = self._path(name)
        try:
            with os.fdopen(os.open(path, _READ), "rb") as file:
                if os.fstat(file.fileno()).st_size > _MOST_BYTES:
                    return None
                entry = memoryview(file.read() or b"")
            os.utime(path)
        except OSError:
            return None
        body = entry[_DIGEST_BYTES:]
        return body if entry[:_DIGEST_BYTES] == _checksum(name, [body]) else None

    def keep(self, name: str, pieces: Sequence[bytes | bytearray | memoryview]) -> None:
        """Keep an entry. A volume that is full, or gone, costs nothing but the entry."""
        if _DIGEST_BYTES + sum(map(len, pieces)) > _MOST_BYTES:
            return
        path = self._path(name)
        new = path.with_name(f"{name}.{secrets.token_hex(8)}")
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                new.write_bytes(b"".join([_checksum(name, pieces), *pieces]))
                new.replace(path)
            finally:
                new.unlink(missing_ok=True)

    def forget_unused(self, now: float) -> None:
        """Remove what nobody has found or kept for a month, and of too much what nobody has for the longest time.

        One build a day looks, because the folder may have many entries, and lie on another machine. `now` is in
        seconds, as file systems count them.
        """
        marker = self._folder / _MARKER
        with suppress(OSError):
            if marker.exists() and now - marker.lstat().st_mtime < _BETWEEN_SECONDS:
                return
            marker.touch()
            os.utime(marker, (now, now))
        together = 0
        for used, size, path in sorted(self._entries(), reverse=True):
            together += size
            if now - used > _UNUSED_SECONDS or together > _MOST_TOGETHER:
                with suppress(OSError):  # another build does the same
                    # An earlier release wrote its entries in folders beside, which killed builds have left.
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        """When each entry was used last, its size, and its path."""
        for path in self._folder.glob("*/*"):
            with suppress(OSError):
                found = path.lstat()
                yield found.st_mtime, found.st_size, path

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name


def name_of(parts: Iterable[bytes]) -> str:
    """Return the name of what is made of these parts in this order."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + hashlib.sha256(part).digest())
    return digest.hexdigest()


def _checksum(name: str, pieces: Iterable[bytes | bytearray | memoryview]) -> bytes:
    digest = hashlib.sha256(name.encode())
    for piece in pieces:
        digest.update(piece)
    return digest.digest()
