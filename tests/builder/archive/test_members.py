"""One file as a member: what is stored, and what is said of it."""

from __future__ import annotations

import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy_builder.archive.members import compress, packed_bytecode, packed_file
from dagy_builder.archive.zipwriter import DEFLATED, STORED
from dagy_builder.contract import Reason
from dagy_builder.failure import StepError


@given(st.binary(max_size=3000), st.sampled_from([1, 6]))
def test_others_read_what_is_compressed(data: bytes, level: int) -> None:
    method, stored = compress(data, level)
    assert len(stored) <= len(data)
    assert data == (zlib.decompress(stored, wbits=-15) if method == DEFLATED else stored)
    assert method == STORED or len(stored) < len(data)


def test_a_file_and_its_line() -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    packed = packed_file("bin/a", b"x", 1, executable=True, recorded=digest)
    assert packed.line == f"0755 {digest} bin/a\n"
    assert packed_bytecode("a.pyc", b"x", 1).line == f"0644 {digest} a.pyc\n"
    assert packed_file("a", b"\x7fELF", 1, executable=False, recorded=None).native
    with pytest.raises(StepError, match="a is not what its package's RECORD says") as caught:
        packed_file("a", b"y", 1, executable=False, recorded=digest)
    assert caught.value.reason is Reason.HASH_MISMATCH
