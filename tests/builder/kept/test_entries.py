"""Entries that builds share: what is damaged, moved or foreign is as good as absent."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dagy_builder.kept.entries import KeptEntries, name_of

NAME, OTHER = name_of([b"one"]), name_of([b"another"])
DAY = 86400


def _entry(folder: Path, name: str = NAME) -> Path:
    return folder / name[:2] / name


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_is_kept_is_found(tmp_path: Path) -> None:
    kept = KeptEntries(tmp_path / "folder")
    assert kept.find(NAME) is None
    kept.keep(NAME, [b"so", memoryview(b"me"), b""])
    assert kept.find(NAME) == b"some"
    assert kept.find(OTHER) is None
    assert KeptEntries(tmp_path / "folder", anew=True).find(NAME) is None
    assert _files(tmp_path) == [_entry(tmp_path / "folder")]


def test_an_entry_that_is_too_large_is_neither_kept_nor_read(tmp_path: Path) -> None:
    kept = KeptEntries(tmp_path)
    kept.keep(NAME, [bytes(1 << 20)] * 256)
    assert not _files(tmp_path)
    kept.keep(NAME, [b"small"])
    os.truncate(_entry(tmp_path), (256 << 20) + 1)
    assert kept.find(NAME) is None


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
    kept = KeptEntries(tmp_path)
    kept.keep(NAME, [b"bytes" * 100])
    damage(_entry(tmp_path))
    assert kept.find(NAME) is None
    kept.keep(NAME, [b"new"])
    assert kept.find(NAME) == b"new"


def test_an_entry_under_another_ones_name_is_not_believed(tmp_path: Path) -> None:
    kept = KeptEntries(tmp_path)
    kept.keep(NAME, [b"some"])
    _entry(tmp_path, OTHER).parent.mkdir(exist_ok=True)
    _entry(tmp_path).rename(_entry(tmp_path, OTHER))
    assert kept.find(OTHER) is None


def test_a_folder_that_can_not_be_written_costs_nothing_but_the_entry(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    kept = KeptEntries(tmp_path / "file")
    kept.keep(NAME, [b"some"])
    assert kept.find(NAME) is None
    kept.forget_unused(0.0)


def test_what_nobody_uses_goes_after_a_month(tmp_path: Path) -> None:
    kept, now = KeptEntries(tmp_path), 2_000_000_000.0
    for name in (NAME, OTHER):
        kept.keep(name, [b"some"])
        os.utime(_entry(tmp_path, name), (now - 40 * DAY,) * 2)
    left = [_entry(tmp_path).with_name(f"left-by-a-killed-build-{release}") for release in ("earlier", "present")]
    (left[0] / "inner").mkdir(parents=True)
    left[1].touch()
    for path in left:
        os.utime(path, (now - 40 * DAY,) * 2)
    assert kept.find(NAME) == b"some", "and that is a use"
    os.utime(_entry(tmp_path), (now - 20 * DAY,) * 2)
    kept.forget_unused(now)
    assert [path for path in tmp_path.rglob("*") if path.parent.parent == tmp_path] == [_entry(tmp_path)]


def test_of_too_much_the_least_used_goes(tmp_path: Path) -> None:
    kept, now = KeptEntries(tmp_path), 2_000_000_000.0
    names = [name_of([str(number).encode()]) for number in range(5)]
    for age, name in enumerate(names):
        kept.keep(name, [b"some"])
        os.truncate(_entry(tmp_path, name), 3 << 30)  # it takes no room on the disk
        os.utime(_entry(tmp_path, name), (now - age,) * 2)
    kept.forget_unused(now)
    assert [name for name in names if _entry(tmp_path, name).exists()] == names[:2]


def test_one_build_a_day_looks_for_what_nobody_uses(tmp_path: Path) -> None:
    kept, now = KeptEntries(tmp_path), 2_000_000_000.0
    kept.forget_unused(now)
    kept.keep(NAME, [b"some"])
    os.utime(_entry(tmp_path), (now - 40 * DAY,) * 2)
    kept.forget_unused(now + DAY - 1)
    assert kept.find(NAME) == b"some"
    os.utime(_entry(tmp_path), (now - 40 * DAY,) * 2)
    kept.forget_unused(now + DAY)
    assert kept.find(NAME) is None


def test_parts_that_run_together_are_not_one_name() -> None:
    names = [name_of(parts) for parts in ([], [b""], [b"ab"], [b"a", b"b"], [b"b", b"a"], [b"a", b"b", b""])]
    assert len(set(names)) == len(names)
