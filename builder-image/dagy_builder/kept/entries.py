"""Entries of bytes, each named by what it was made of.

An entry begins with a checksum of its name and its bytes: what was moved or damaged is as good as absent.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

_MOST_BYTES = 256 << 20
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
        """Remove what nobody has found or kept for a month; `now` is in seconds, as file systems count them.

        One build a day looks, because the folder may have many entries, and lie on another machine.
        """
        marker = self._folder / _MARKER
        with suppress(OSError):
            if marker.exists() and now - marker.lstat().st_mtime < _BETWEEN_SECONDS:
                return
            marker.touch()
            os.utime(marker, (now, now))
        for path in self._folder.glob("*/*"):
            with suppress(OSError):  # another build does the same
                if now - path.lstat().st_mtime > _UNUSED_SECONDS:
                    path.unlink()

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
