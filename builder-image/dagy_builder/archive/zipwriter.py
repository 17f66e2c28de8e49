"""A ZIP file from members that are compressed already, the same bytes for the same members.

`zipfile` compresses by itself, in one thread. Layout after PKWARE's APPNOTE 6.3.9: no extra fields but zip64's where a
number needs it, no data descriptors, no comments, one fixed time.
"""

from __future__ import annotations

import hashlib
import stat
import struct
from dataclasses import dataclass
from typing import BinaryIO

STORED, DEFLATED = 0, 8
_FIXED_DATE = (1 << 5) | 1  # 1980-01-01, the first day a ZIP can name
_UTF8_NAMES = 1 << 11
_UNIX = 3
_VERSION, _VERSION_ZIP64 = 20, 45
_MAX16, _MAX32 = 0xFFFF, 0xFFFFFFFF
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sBBHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")
_END64 = struct.Struct("<4sQBBHIIQQQQ")
_LOCATOR64 = struct.Struct("<4sIQI")


@dataclass(frozen=True)
class Member:
    """One file, compressed: `data` is raw deflate (RFC 1951) when `method` is DEFLATED."""

    path: str
    executable: bool
    method: int
    crc32: int
    size: int
    data: bytes | bytearray | memoryview


@dataclass(frozen=True)
class _Placed:
    name: bytes
    executable: bool
    method: int
    crc32: int
    size: int
    stored: int
    offset: int


class ZipWriter:
    """Writes members in the order in which they come; `finish` writes the directory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._placed, self._hash = file, list[_Placed](), hashlib.sha256()
        self.size, self.is_zip64 = 0, False

    @property
    def sha256(self) -> str:
        """sha256 (hex) of all bytes written until now."""
        return self._hash.hexdigest()

    def add(self, *members: Member) -> None:
        """Write members, all at once."""
        pieces = list[bytes | bytearray | memoryview]()
        offset = self.size
        for member in members:
            name, stored = member.path.encode(), len(member.data)
            header = self._local(member, name, stored)
            pieces += [header, member.data]
            self._placed.append(
                _Placed(name, member.executable, member.method, member.crc32, member.size, stored, offset)
            )
            offset += len(header) + stored
        self._write(b"".join(pieces))

    @staticmethod
    def _local(member: Member, name: bytes, stored: int) -> bytes:
        extra = b""
        if max(member.size, stored) >= _MAX32:
            extra = struct.pack("<HHQQ", 1, 16, member.size, stored)
        header = _LOCAL.pack(
            b"PK\x03\x04",
            _VERSION_ZIP64 if extra else _VERSION,
            _flags(name),
            member.method,
            0,
            _FIXED_DATE,
            member.crc32,
            _MAX32 if extra else stored,
            _MAX32 if extra else member.size,
            len(name),
            len(extra),
        )
        return header + name + extra

    def finish(self) -> None:
        """Write the central directory. Nothing can be added afterwards."""
        start, count = self.size, len(self._placed)
        self._write(b"".join(map(self._central, self._placed)))
        size = self.size - start
        if self.is_zip64 or count >= _MAX16 or max(start, size) >= _MAX32:
            self.is_zip64 = True
            end = self.size
            self._write(
                _END64.pack(b"PK\x06\x06", 44, _VERSION_ZIP64, _UNIX, _VERSION_ZIP64, 0, 0, count, count, size, start)
            )
            self._write(_LOCATOR64.pack(b"PK\x06\x07", 0, end, 1))
        shown = min(count, _MAX16)
        self._write(_END.pack(b"PK\x05\x06", 0, 0, shown, shown, min(size, _MAX32), min(start, _MAX32), 0))

    def _central(self, placed: _Placed) -> bytes:
        big_sizes = max(placed.size, placed.stored) >= _MAX32
        numbers = [placed.size, placed.stored] if big_sizes else []
        if placed.offset >= _MAX32:
            numbers.append(placed.offset)
        extra = struct.pack(f"<HH{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""
        self.is_zip64 |= bool(extra)
        version = _VERSION_ZIP64 if extra else _VERSION
        mode = stat.S_IFREG | (0o755 if placed.executable else 0o644)
        return (
            _CENTRAL.pack(
                b"PK\x01\x02",
                version,
                _UNIX,
                version,
                _flags(placed.name),
                placed.method,
                0,
                _FIXED_DATE,
                placed.crc32,
                _MAX32 if big_sizes else placed.stored,
                _MAX32 if big_sizes else placed.size,
                len(placed.name),
                len(extra),
                0,
                0,
                0,
                mode << 16,
                min(placed.offset, _MAX32),
            )
            + placed.name
            + extra
        )

    def _write(self, data: bytes | bytearray) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)


def _flags(name: bytes) -> int:
    return 0 if name.isascii() else _UTF8_NAMES
