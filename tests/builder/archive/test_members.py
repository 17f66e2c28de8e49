"""One file as a member: what is stored, and what is said of it."""

from __future__ import annotations

import hashlib

import pytest

from dagy_builder.archive.deflated import compress
from dagy_builder.archive.members import checked_digest, packed_bytecode, packed_file
from dagy_builder.contract import Reason
from dagy_builder.failure import StepError


def test_a_file_and_its_line() -> None:
    digest, deflated = hashlib.sha256(b"x").hexdigest(), compress(b"x", 1)
    packed = packed_file("bin/a", b"x", digest, deflated, executable=True)
    assert packed.line == f"0755 {digest} bin/a\n"
    assert packed_bytecode("a.pyc", b"x", digest, deflated).line == f"0644 {digest} a.pyc\n"
    assert packed_file("a", b"\x7fELF", digest, deflated, executable=False).native


def test_a_file_that_is_not_as_recorded_is_refused() -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    assert checked_digest("a", b"x", None) == checked_digest("a", b"x", digest) == digest
    with pytest.raises(StepError, match="a is not what its package's RECORD says") as caught:
        checked_digest("a", b"y", digest)
    assert caught.value.reason is Reason.HASH_MISMATCH
