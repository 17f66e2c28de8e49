"""An artifact while it arrives."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dagy.attach import download
from dagy.attach.spec import AttachItem

CONTENT = b"some"


def read_range(buffer: memoryview, offset: int) -> None:
    buffer[:] = CONTENT[offset : offset + len(buffer)]


def test_it_is_what_was_announced(tmp_path: Path) -> None:
    item = AttachItem("A1B2C3D4", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), 1)
    with download.downloading(item, read_range, tmp_path) as arriving:
        arriving.verify()
        assert arriving.reader().read(4) == CONTENT


def test_a_fault_while_hashing_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted() -> None:
        raise MemoryError

    item = AttachItem("A1B2C3D4", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), 1)
    monkeypatch.setattr(hashlib, "sha256", exhausted)
    with pytest.raises(MemoryError), download.downloading(item, read_range, tmp_path) as arriving:
        arriving.verify()
