"""The same contents are the same bytes."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.release import archives

MEMBERS = {"dagy/b": b"2", "dagy/a": b"1" * 2000, "dagy/long/" + "x" * 200: b""}
EPOCH = 1_700_000_000


@pytest.mark.parametrize("write", [archives.tar, archives.tar_gz])
def test_an_archive_follows_from_its_contents(tmp_path: Path, write: object) -> None:
    assert callable(write)
    write(tmp_path / "one.tar", MEMBERS, EPOCH)
    os.utime(tmp_path / "one.tar", (1, 1))
    write(tmp_path / "another.tar", dict(reversed(MEMBERS.items())), EPOCH)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "another.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as archive:
        assert archive.getnames() == sorted(MEMBERS)
        assert {(entry.mtime, entry.uid, entry.uname) for entry in archive} == {(EPOCH, 0, "")}


def test_an_archive_of_another_order_and_time_is_repacked_to_the_same(tmp_path: Path) -> None:
    for number, names in enumerate((sorted(MEMBERS), sorted(MEMBERS, reverse=True))):
        folder = tmp_path / str(number)
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(MEMBERS[name])
        with tarfile.open(tmp_path / f"{number}.tar", "w") as archive:
            for name in names:
                archive.add(folder / name, f"./{name}" if number else name)
        archives.repacked(tmp_path / f"{number}.tar", tmp_path / f"{number}.new", EPOCH)
    assert (tmp_path / "0.new").read_bytes() == (tmp_path / "1.new").read_bytes()


def test_checksums_are_what_sha256sum_checks(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("2")
    (tmp_path / "a").write_text("1")
    sums = archives.checksums(tmp_path.iterdir())
    assert [row.partition("  ")[2] for row in sums.splitlines()] == ["a", "b"]
    done = subprocess.run(
        ["sha256sum", "--check", "--strict"], input=sums, cwd=tmp_path, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
