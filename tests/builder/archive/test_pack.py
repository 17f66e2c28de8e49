"""The ZIP: the same bytes everywhere, readable by others."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagy_builder.archive import deflated
from dagy_builder.archive.deflated import compress
from dagy_builder.archive.pack import package
from dagy_builder.archive.records import fingerprint
from dagy_builder.archive.summary import PackageSummary, read_summary
from dagy_builder.archive.tree import TreeReader
from dagy_builder.archive.zipwriter import DEFLATED, STORED, Member, ZipWriter
from dagy_builder.contract import BuildRequest
from dagy_builder.failure import StepError
from dagy_builder.kept.entries import KeptEntries
from dagy_builder.sizes import Limits
from tests.fakes.trees import RECORD, small_tree

REQUEST = BuildRequest("3.12")
original = TreeReader.read


def _package(tree: Path, out: Path, limits: Limits | None = None, request: BuildRequest = REQUEST) -> PackageSummary:
    return package(request, tree, out, limits or Limits())


def accepted_by_unzip(archive: Path) -> None:
    """Another reader's opinion, where there is one; the cluster's bootstrap brings it."""
    if shutil.which("unzip"):
        subprocess.run(["unzip", "-tqq", archive], check=True)


def test_of_programs_only_the_beginning_is_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may have 100 MB each; the packing itself reads each file once, and only so many at a time."""
    tree, read = small_tree(tmp_path / "tree"), list[str]()
    (tree / "bin/program").write_bytes(b"\x7fELF" + bytes(1000))
    (tree / "bin/shell").write_bytes(b"#!/bin/sh\necho python\n")
    monkeypatch.setattr(TreeReader, "read", lambda self, file: read.append(file.path) or original(self, file))  # type: ignore[func-returns-value]
    _package(tree, tmp_path / "out")
    assert {path: read.count(path) for path in ("bin/program", "bin/shell", "bin/tool")} == {
        "bin/program": 1,
        "bin/shell": 1,
        "bin/tool": 2,
    }


def _tree_of(root: Path, *distributions: str) -> Path:
    """Distributions with 600 kB of code each, which a RECORD tells of."""
    for name in distributions:
        code = f"{name} = ".encode() + b"1 + " * 150_000 + b"1"
        for path, data in {
            f"{name}/code.py": code,
            f"{name}-1.0.dist-info/RECORD": f"{name}/code.py,{fingerprint(code)[0]},\n".encode(),
        }.items():
            (root / path).parent.mkdir(parents=True)
            (root / path).write_bytes(data)
    return root


def test_a_wheel_is_compressed_once_whatever_lies_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, compress = list[int](), deflated.compress
    monkeypatch.setattr(deflated, "compress", lambda data, level: sizes.append(len(data)) or compress(data, level))  # type: ignore[func-returns-value]
    found = []
    for number, brought in enumerate((["b", "d"], ["a", "b", "c", "d"], ["a", "b", "c", "d"])):
        tree, out = _tree_of(tmp_path / f"tree-{number}", *brought), tmp_path / f"out-{number}"
        found.append(package(REQUEST, tree, out, Limits(), kept=KeptEntries(tmp_path / "kept"), check_records=True))
        sizes.append(-1)
    assert [size for size in sizes if size < 0 or size > 1000] == [600_005, 600_005, -1, 600_005, 600_005, -1, -1]
    assert found[1] == found[2] == _package(tree, tmp_path / "out")


def test_a_damaged_file_is_refused_also_where_its_wheel_was_compressed_before(tmp_path: Path) -> None:
    tree, kept = _tree_of(tmp_path / "tree", "a"), KeptEntries(tmp_path / "kept")
    package(REQUEST, tree, tmp_path / "out", Limits(), kept=kept, check_records=True)
    (tree / "a/code.py").write_bytes(b"import other")
    with pytest.raises(StepError, match="is not what its package's RECORD says"):
        package(REQUEST, tree, tmp_path / "out", Limits(), kept=kept, check_records=True)


def test_what_is_in_the_zip(tmp_path: Path) -> None:
    summary = _package(small_tree(tmp_path / "tree"), tmp_path / "out")
    assert summary == read_summary(tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out/artifact.zip") as archive:
        assert archive.testzip() is None
        infos = {info.filename: info for info in archive.infolist()}
        assert list(infos) == sorted(infos, key=str.encode)
        assert "pkg-1.0.dist-info/INSTALLER" not in infos
        assert archive.read("bin/tool") == b"#!/usr/bin/env python3\nprint(1)\n"
        assert b"INSTALLER" not in archive.read(RECORD)
        assert infos["bin/tool"].external_attr >> 16 == stat.S_IFREG | 0o755
        assert infos["pkg/__init__.py"].external_attr >> 16 == stat.S_IFREG | 0o644
        assert {info.date_time for info in infos.values()} == {(1980, 1, 1, 0, 0, 0)}
        assert not any(info.extra or info.comment for info in infos.values())
        assert infos["pkg/data.bin"].compress_type == zipfile.ZIP_STORED, "deflate doesn't help there"
        assert summary.uncompressed_bytes == sum(info.file_size for info in infos.values())
    assert summary.file_count == len(infos)
    assert (summary.package_count, summary.zip_importable) == (1, True)
    assert summary.size_bytes == (tmp_path / "out/artifact.zip").stat().st_size
    accepted_by_unzip(tmp_path / "out/artifact.zip")


def test_python_imports_from_the_zip(tmp_path: Path) -> None:
    _package(small_tree(tmp_path / "tree"), tmp_path / "out")
    environment = {"PYTHONPATH": str(tmp_path / "out/artifact.zip")}
    command = [sys.executable, "-c", "import pkg; print(pkg.VALUE, type(pkg.__loader__).__name__)"]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["42", "zipimporter"]


def test_the_same_bytes_whatever_umask_time_and_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _package(small_tree(tmp_path / "one"), tmp_path / "out1")
    old = os.umask(0o077)
    try:
        second_tree = tmp_path / "two"
        shutil.copytree(small_tree(tmp_path / "scratch"), second_tree, copy_function=shutil.copy)
        for path in sorted(second_tree.rglob("*"), reverse=True):
            os.utime(path, (1_000_000_000, 1_000_000_000))
            if path.is_file():
                path.chmod(path.stat().st_mode & 0o700)
        monkeypatch.setenv("TZ", "Pacific/Kiritimati")
        monkeypatch.chdir(tmp_path)
        second = _package(second_tree, tmp_path / "out2")
    finally:
        os.umask(old)
    assert first == second
    assert (tmp_path / "out1/artifact.zip").read_bytes() == (tmp_path / "out2/artifact.zip").read_bytes()


def test_small_is_smaller_and_holds_the_same(tmp_path: Path) -> None:
    tree = small_tree(tmp_path / "tree")
    (tree / "pkg/text.py").write_bytes(b"".join(f"line {n} {n * n}\n".encode() for n in range(20_000)))
    fast, small = (_package(tree, tmp_path / c, request=BuildRequest("3.12", compression=c)) for c in ("fast", "small"))
    assert small.size_bytes < fast.size_bytes
    assert small.content_sha256 == fast.content_sha256


def test_native_modules_are_noticed(tmp_path: Path) -> None:
    tree = small_tree(tmp_path / "tree")
    (tree / "pkg/native").write_bytes(b"\x7fELF" + b"0" * 100)
    assert not _package(tree, tmp_path / "out").zip_importable


def test_nothing_installed(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    with pytest.raises(StepError, match="Nothing is installed"):
        _package(tmp_path / "tree", tmp_path / "out")


NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["C"], exclude_characters="/\\:"), min_size=1, max_size=20
)


@settings(deadline=None)
@given(st.dictionaries(NAMES, st.tuples(st.binary(max_size=3000), st.booleans()), max_size=20), st.sampled_from([3, 8]))
def test_others_read_what_we_write(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, tuple[bytes, bool]], level: int
) -> None:
    import deflate

    target = tmp_path_factory.mktemp("zip") / "a.zip"
    with target.open("wb") as file:
        writer = ZipWriter(file)
        for name, (data, executable) in files.items():
            packed = compress(data, level)
            writer.add(Member(name, executable, packed.method, deflate.crc32(data), len(data), packed.data))
        writer.finish()
    with zipfile.ZipFile(target) as archive:
        assert {info.filename: archive.read(info) for info in archive.infolist()} == {
            n: d for n, (d, _) in files.items()
        }
        assert archive.testzip() is None


def test_more_entries_than_a_plain_zip_can_hold(tmp_path: Path) -> None:
    target = tmp_path / "many.zip"
    with target.open("wb") as file:
        writer = ZipWriter(file)
        for number in range(70_000):
            writer.add(Member(f"{number}", False, STORED, 0, 0, b""))
        writer.finish()
    assert writer.is_zip64
    with zipfile.ZipFile(target) as archive:
        assert len(archive.namelist()) == 70_000
    accepted_by_unzip(target)


def test_offsets_and_sizes_beyond_4_gib() -> None:
    """The numbers only: no bytes are written where nobody looks."""

    class Counting:
        def __init__(self) -> None:
            self.written: list[bytes] = []

        def write(self, data: bytes) -> None:
            self.written.append(data)

    class Huge(bytes):
        def __len__(self) -> int:
            return 5 << 30

    file = Counting()
    writer = ZipWriter(file)  # type: ignore[arg-type]
    writer.add(
        Member("huge", False, DEFLATED, 0, 6 << 30, Huge(b"x")),
        Member("after", False, STORED, 0, 1, b"y"),
    )
    writer.finish()
    assert writer.is_zip64
    _, huge, after = b"".join(file.written).split(b"PK\x01\x02")
    assert (6 << 30).to_bytes(8, "little") in huge
    assert (5 << 30).to_bytes(8, "little") in huge
    assert after[38:42] == b"\xff\xff\xff\xff"
