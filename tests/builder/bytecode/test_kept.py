"""Entries that builds share: what is damaged, moved or foreign is as good as absent."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dagy_builder.bytecode.kept import Bytecode, KeptBytecode, key_of

KEY, OTHER = key_of("one", [("a.py", b"1")]), key_of("one", [("a.py", b"2")])
MADE = [Bytecode(b"bytes" * 100), Bytecode(refusal="SyntaxError: é"), Bytecode(b"\0")]


def _entry(folder: Path, key: str = KEY) -> Path:
    return folder / key[:2] / key


def test_what_is_kept_is_found(tmp_path: Path) -> None:
    kept = KeptBytecode(tmp_path / "folder")
    assert kept.find(KEY) is None
    kept.keep(KEY, MADE)
    assert kept.find(KEY) == MADE
    assert kept.find(OTHER) is None
    assert KeptBytecode(tmp_path / "folder", anew=True).find(KEY) is None
    assert [path for path in (tmp_path / "folder").rglob("*") if path.is_file()] == [_entry(tmp_path / "folder")]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


def _elsewhere(path: Path) -> None:
    target = path.with_name("moved")
    path.rename(target)
    path.symlink_to(target)


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("damage", [_cut, _flipped, _elsewhere, _fifo, lambda path: path.write_bytes(b"")])
def test_what_is_damaged_is_not_there(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    kept = KeptBytecode(tmp_path)
    kept.keep(KEY, MADE)
    damage(_entry(tmp_path))
    assert kept.find(KEY) is None


def test_an_entry_under_another_ones_name_is_not_believed(tmp_path: Path) -> None:
    kept = KeptBytecode(tmp_path)
    kept.keep(KEY, MADE)
    _entry(tmp_path, OTHER).parent.mkdir(exist_ok=True)
    _entry(tmp_path).rename(_entry(tmp_path, OTHER))
    assert kept.find(OTHER) is None


def test_a_folder_that_can_not_be_written_costs_nothing_but_the_entry(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    kept = KeptBytecode(tmp_path / "file")
    kept.keep(KEY, MADE)
    assert kept.find(KEY) is None
    kept.forget_unused(0.0)


def test_what_nobody_uses_goes_after_a_month(tmp_path: Path) -> None:
    kept, now = KeptBytecode(tmp_path), 2_000_000_000.0
    for key in (KEY, OTHER):
        kept.keep(key, MADE)
        os.utime(_entry(tmp_path, key), (now - 40 * 86400,) * 2)
    left = _entry(tmp_path).with_name("left-by-a-killed-build")
    left.mkdir()
    os.utime(left, (now - 40 * 86400,) * 2)
    assert kept.find(KEY) == MADE, "and that is a use"
    os.utime(_entry(tmp_path), (now - 20 * 86400,) * 2)
    kept.forget_unused(now)
    assert [path for path in tmp_path.rglob("*") if path.parent.parent == tmp_path] == [_entry(tmp_path)]


def test_texts_that_run_together_are_not_one_name() -> None:
    names = [
        key_of(*given)
        for given in [
            ("a", []),
            ("a", [("b", b"c")]),
            ("ab", [("", b"c")]),
            ("a", [("bc", b"")]),
            ("a", [("b", b""), ("c", b"")]),
        ]
    ]
    assert len(set(names)) == len(names)
