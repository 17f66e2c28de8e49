"""Bytecode that was compiled before, in a folder that builds share.

An entry is named by all that its process was given: the interpreter, the program, and each path and source in their
order. So whoever could make a compiler lie, with a source of their own, reaches nobody without that source. An entry
holds its name and a checksum, and what does not fit is as good as absent.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dagy_builder.bytecode.process import WORKER

_MOST_BYTES = 256 << 20
_DIGEST_BYTES = 32
_UNUSED_SECONDS = 30 * 24 * 3600.0
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class Bytecode:
    """The compiler's answer for one source: the content of its .pyc, or its words where it refuses."""

    data: bytes = b""
    refusal: str = ""


class KeptBytecode:
    """Entries below `folder`, which is made when there is something to keep. `anew`: nothing is found, all is kept."""

    def __init__(self, folder: Path, *, anew: bool = False) -> None:
        self._folder, self._anew = folder, anew

    def find(self, key: str) -> list[Bytecode] | None:
        """Return what is kept under a key; None when there is nothing of use."""
        if self._anew:
            return None
        try:
            with os.fdopen(os.open(self._path(key), _READ), "rb") as file:
                entry = file.read(_MOST_BYTES + 1)
            os.utime(self._path(key))
        except OSError:
            return None
        return _unpacked(key, entry) if len(entry) <= _MOST_BYTES else None

    def keep(self, key: str, compiled: Sequence[Bytecode]) -> None:
        """Keep an entry. A volume that is full, or gone, costs nothing but the entry."""
        entry, path = _packed(key, compiled), self._path(key)
        if len(entry) > _MOST_BYTES:
            return
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=path.parent) as aside:
                new = Path(aside, key)
                new.write_bytes(entry)
                new.replace(path)

    def forget_unused(self, now: float) -> None:
        """Remove what nobody has found or kept for a month; `now` is in seconds, as file systems count them."""
        for path in self._folder.glob("*/*"):
            with suppress(OSError):  # another build does the same
                if now - path.lstat().st_mtime > _UNUSED_SECONDS:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key


def key_of(interpreter: str, sources: Iterable[tuple[str, bytes]]) -> str:
    """Return the name of what that interpreter makes of sources (paths and contents) in one process."""
    digest = hashlib.sha256(WORKER.read_bytes())
    for text in (interpreter.encode(), *(part for path, source in sources for part in (path.encode(), source))):
        digest.update(len(text).to_bytes(8, "big") + hashlib.sha256(text).digest())
    return digest.hexdigest()


def _packed(key: str, compiled: Sequence[Bytecode]) -> bytes:
    head = json.dumps([key, [[len(one.data), one.refusal] for one in compiled]]).encode()
    body = b"".join([len(head).to_bytes(4, "big"), head, *(one.data for one in compiled)])
    return hashlib.sha256(body).digest() + body


def _unpacked(key: str, entry: bytes) -> list[Bytecode] | None:
    body = memoryview(entry)[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != entry[:_DIGEST_BYTES]:
        return None
    at = 4 + int.from_bytes(body[:4], "big")
    name, parts = json.loads(bytes(body[4:at]))
    if name != key:
        return None
    found = []
    for size, refusal in parts:
        found.append(Bytecode(bytes(body[at : at + size]), refusal))
        at += size
    return found
