"""What people read."""

from __future__ import annotations

import pytest

from dagy.core.sizes import human_size
from dagy.core.summary import completed_message
from tests.core.worlds import artifact


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (58_300_000, "58.3 MB"),
        (999_960_000, "1.0 GB"),
        (10**15, "1000.0 TB"),
    ],
)
def test_human_size(size: int, text: str) -> None:
    assert human_size(size) == text


def test_completed() -> None:
    assert completed_message(artifact("1" * 64)) == "15 packages, 58.3 MB, for Python 3.12 on linux/amd64."
