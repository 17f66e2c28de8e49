"""Locks on their way to a build: a thousand distributions fit, and nothing that unpacks takes more than it may."""

from __future__ import annotations

import zlib

import pytest

from dagy_builder.packed_lock import PACKED_LIMIT_BYTES, TEXT_LIMIT_BYTES, LockSizeError, pack, unpack
from tests.locks import lock_of


@pytest.mark.parametrize("distributions", [0, 1, 105, 1_000, 3_000])
def test_a_lock_comes_back_and_fits_into_a_config_map(distributions: int) -> None:
    text = lock_of(distributions)
    packed = pack(text)
    assert unpack(packed) == text
    assert packed == pack(text)
    assert len(packed) <= PACKED_LIMIT_BYTES < 1_048_576 - 300_000, "the request and certificates have room beside it"


@pytest.mark.parametrize("text", [lock_of(10_000), "x" * (TEXT_LIMIT_BYTES + 1)], ids=["packed", "unpacked"])
def test_a_lock_that_is_too_large_is_refused_where_it_is_made(text: str) -> None:
    with pytest.raises(LockSizeError, match="more than the"):
        pack(text)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no gzip",
        pack("a lock")[:-9],
        zlib.compress(b"no gzip either"),
        zlib.compress(b"\0" * (TEXT_LIMIT_BYTES * 4), wbits=31),
        b"x" * (PACKED_LIMIT_BYTES + 1),
        zlib.compress(b"\xff\xfe", wbits=31),
    ],
    ids=["empty", "text", "cut", "zlib", "a bomb", "too long", "no UTF-8"],
)
def test_what_is_no_packed_lock(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"lock|codec"):
        unpack(data)
