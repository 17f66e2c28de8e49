"""A lock as it travels: gzip, with a limit before and after, because a ConfigMap holds 1 MiB in all. Pure.

Each locked distribution takes some 350 bytes as text and some 120 packed, most of which is its hashes.
"""

from __future__ import annotations

import zlib

LOCK_FILE = "pylock.toml.gz"
"""Its name beside a build's request."""
TEXT_LIMIT_BYTES = 4 << 20
PACKED_LIMIT_BYTES = 600_000
"""Bytes that a build's ConfigMap has room for, beside the request and certificates."""
_GZIP = 16 + zlib.MAX_WBITS


class LockSizeError(ValueError):
    """A lock that is too large to travel; the message is a sentence."""


def pack(text: str) -> bytes:
    """The lock, packed; the same text gives the same bytes. Raises LockSizeError."""
    data = text.encode()
    if len(data) > TEXT_LIMIT_BYTES:
        raise LockSizeError(f"The lock has {len(data):,} bytes, more than the {TEXT_LIMIT_BYTES:,} that a build takes.")
    packer = zlib.compressobj(9, wbits=_GZIP)
    packed = packer.compress(data) + packer.flush()
    if len(packed) > PACKED_LIMIT_BYTES:
        raise LockSizeError(
            f"The lock has {len(packed):,} bytes when it is packed, more than the {PACKED_LIMIT_BYTES:,} that a build "
            "takes."
        )
    return packed


def unpack(data: bytes) -> str:
    """The lock's text. Raises ValueError for anything that `pack` did not make, before it takes memory."""
    if len(data) > PACKED_LIMIT_BYTES:
        raise LockSizeError(f"A packed lock of {len(data):,} bytes is larger than any that was made.")
    reader = zlib.decompressobj(wbits=_GZIP)
    try:
        text = reader.decompress(data, TEXT_LIMIT_BYTES + 1)
    except zlib.error as error:
        raise ValueError(f"The lock can't be unpacked: {error}.") from error
    if len(text) > TEXT_LIMIT_BYTES:
        raise LockSizeError(f"The lock unpacks to more than {TEXT_LIMIT_BYTES:,} bytes.")
    if not reader.eof:
        raise ValueError("The packed lock is cut off.")
    return text.decode()
