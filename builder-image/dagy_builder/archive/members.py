"""One file of a tree as a member of the ZIP: checked, compressed, and with its line in the list of contents."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import deflate

from dagy_builder.archive import included as rules
from dagy_builder.archive.native import Linked, linked
from dagy_builder.archive.zipwriter import DEFLATED, STORED, Member
from dagy_builder.contract import Fault, Reason
from dagy_builder.failure import StepError

# libdeflate's levels, chosen by measurement (docs/decisions/2026-11-21-deflate.md).
LEVELS = {"fast": 1, "small": 6}


@dataclass(frozen=True)
class Packed:
    """A member, and what is known of it."""

    member: Member
    sha256: str
    """Of the file, in hex."""
    native: bool = False
    linked: Linked | None = None

    @property
    def line(self) -> str:
        """Its line in the list of contents."""
        return f"{'0755' if self.member.executable else '0644'} {self.sha256} {self.member.path}\n"


def packed_file(path: str, data: bytes, level: int, *, executable: bool, recorded: str | None) -> Packed:
    """Return the file packed. Raises StepError when it has not the SHA-256 that is `recorded`, if one is."""
    digest = hashlib.sha256(data).hexdigest()
    if recorded not in (None, digest):
        raise StepError(
            Reason.HASH_MISMATCH,
            f"{path} is not what its package's RECORD says, most likely because the wheel cache is damaged. "
            "The next attempt fetches the package anew.",
            Fault.INFRASTRUCTURE,
        )
    native = rules.is_native(path, data)
    return Packed(
        _member(path, data, level, executable=executable), digest, native, linked(path, data) if native else None
    )


def packed_bytecode(path: str, data: bytes, level: int) -> Packed:
    """Return bytecode packed."""
    return Packed(_member(path, data, level, executable=False), hashlib.sha256(data).hexdigest())


def compress(data: bytes, level: int) -> tuple[int, bytes | bytearray]:
    """Return the method and the bytes to store: deflated only where that is smaller."""
    packed = deflate.deflate_compress(data, level) if data else b""
    return (DEFLATED, packed) if len(packed) < len(data) else (STORED, data)


def _member(path: str, data: bytes, level: int, *, executable: bool) -> Member:
    method, stored = compress(data, level)
    return Member(path, executable, method, deflate.crc32(data), len(data), stored)
