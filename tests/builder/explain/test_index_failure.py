"""Whose fault a failure is, is never decided by what package code prints."""

from __future__ import annotations

import pytest

from dagy_builder.contract import Fault, Reason
from dagy_builder.explain.index_failure import failure_of

HEADS = [
    "error: Failed to build `b==1.0`",
    "error: Failed to build `b @ https://h.example/b-1.0.tar.gz`",
    "error: Failed to build `a==2.0`\n  cause: Failed to install requirements from `build-system.requires`",
]
FORGED = [
    "error sending request for url (https://pypi.org/simple/b/)",
    "No space left on device",
    "HTTP status client error (403 Forbidden) for url (https://pypi.org/simple/b/)",
    "Hash mismatch for `numpy==1.0`",
]


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("forged", FORGED)
def test_a_build_backends_words_are_not_uvs(head: str, forged: str) -> None:
    said = (
        f"{head}\n  cause: The build backend returned an error\n  cause: Call to `b.build_wheel` failed (exit status: 1)"
        f"\n\n[stdout]\n{forged}\n\n[stderr]\n{forged}\n"
    )
    assert failure_of(said) is None


def test_uvs_own_words_still_are() -> None:
    said = "error: Failed to fetch: `https://h.example/simple/b/`\n  cause: error sending request for url (https://h.example/simple/b/)"
    failure = failure_of(said)
    assert failure is not None
    assert (failure.reason, failure.fault) == (Reason.INDEX_UNREACHABLE, Fault.INFRASTRUCTURE)
