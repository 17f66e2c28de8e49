"""Files compressed for the ZIP. What was compressed before, in a folder that builds share, is not compressed again.

The name of what is kept says of which contents it was made, and how. So it is the same for whoever has the same wheel,
and whoever could spoil it would have to have the very contents of others.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import deflate

from dagy_builder.archive.zipwriter import DEFLATED, STORED
from dagy_builder.kept.entries import KeptEntries, name_of

# libdeflate's levels, chosen by measurement (docs/decisions/2026-11-21-deflate.md).
LEVELS = {"fast": 1, "small": 6}
_WORTH_KEEPING = 256 << 10
"""Bytes that are compressed in a millisecond: to open an entry takes a tenth of it on a disk, and two on a network."""
_HEAD = struct.Struct(">BQ")


@dataclass(frozen=True)
class Deflated:
    """A file's bytes as the ZIP holds them: raw deflate (RFC 1951) when `method` is DEFLATED."""

    method: int
    data: bytes | bytearray | memoryview


class Deflater:
    """Compresses at one of libdeflate's levels; to be called from several threads."""

    def __init__(self, level: int, kept: KeptEntries | None = None) -> None:
        self._level, self._kept = level, kept

    def deflate(self, contents: Sequence[bytes], digests: Sequence[str]) -> list[Deflated]:
        """Return contents compressed. `digests`: the SHA-256 of each, in hex. Neighbours come together."""
        if self._kept is None or sum(map(len, contents)) < _WORTH_KEEPING:
            return self._anew(contents)
        name = name_of(f"{part}".encode() for part in ("deflate", deflate.__version__, self._level, *digests))
        if (entry := self._kept.find(name)) is not None and (found := _unpacked(entry, contents)):
            return found
        made = self._anew(contents)
        self._kept.keep(name, _packed(made))
        return made

    def _anew(self, contents: Sequence[bytes]) -> list[Deflated]:
        return [compress(content, self._level) for content in contents]


def compress(data: bytes, level: int) -> Deflated:
    """Return the bytes to store: deflated only where that is smaller."""
    packed = deflate.deflate_compress(data, level) if data else b""
    return Deflated(DEFLATED, packed) if len(packed) < len(data) else Deflated(STORED, data)


def _packed(files: Sequence[Deflated]) -> list[bytes | bytearray | memoryview]:
    """What is stored as it is needs no copy: who looks for it has it."""
    deflated = [file.data for file in files if file.method == DEFLATED]
    return [b"".join(_HEAD.pack(file.method, len(file.data)) for file in files), *deflated]


def _unpacked(entry: memoryview, contents: Sequence[bytes]) -> list[Deflated] | None:
    at = _HEAD.size * len(contents)
    if len(entry) < at:
        return None
    found = []
    for content, (method, size) in zip(contents, _HEAD.iter_unpack(entry[:at]), strict=True):
        if method == DEFLATED and size < len(content):
            found.append(Deflated(DEFLATED, entry[at : at + size]))
            at += size
        else:
            found.append(Deflated(STORED, content))
    return found if at == len(entry) else None
