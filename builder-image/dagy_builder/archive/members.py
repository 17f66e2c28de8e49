"""One file of a tree as a member of the ZIP: checked, compressed, and with its line in the list of contents."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import deflate

from dagy_builder.archive import included as rules
from dagy_builder.archive.deflated import Deflated
from dagy_builder.archive.native import Linked, linked
from dagy_builder.archive.zipwriter import Member
from dagy_builder.contract import Fault, Reason
from dagy_builder.failure import StepError


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


def checked_digest(path: str, data: bytes, recorded: str | None) -> str:
    """Return a file's SHA-256 (hex). Raises StepError when it is not the one that is `recorded`, if one is."""
    digest = hashlib.sha256(data).hexdigest()
    if recorded not in (None, digest):
        raise StepError(
            Reason.HASH_MISMATCH,
            f"{path} is not what its package's RECORD says, most likely because the wheel cache is damaged. "
            "The next attempt fetches the package anew.",
            Fault.INFRASTRUCTURE,
        )
    return digest


def packed_file(path: str, data: bytes, digest: str, deflated: Deflated, *, executable: bool) -> Packed:
    """Return a file packed. `digest`: its SHA-256 in hex."""
    native = rules.is_native(path, data)
    return Packed(
        _member(path, data, deflated, executable=executable), digest, native, linked(path, data) if native else None
    )


def packed_bytecode(path: str, data: bytes, digest: str, deflated: Deflated) -> Packed:
    """Return bytecode packed. `digest`: its SHA-256 in hex."""
    return Packed(_member(path, data, deflated, executable=False), digest)


def _member(path: str, data: bytes, deflated: Deflated, *, executable: bool) -> Member:
    return Member(path, executable, deflated.method, deflate.crc32(data), len(data), deflated.data)
