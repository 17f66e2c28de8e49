"""Extraction: what comes out is what went in, and a hostile ZIP gets nowhere."""

from __future__ import annotations

import os
import stat
import struct
import tempfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagy.attach import extract as module
from dagy.attach.arriving import Arriving
from dagy.attach.extract import extract
from dagy.attach.failure import AttachError, UnavailableError
from tests.fakes.tls import until

LIMIT = 1 << 20


def arrived(path: Path) -> Arriving:
    data = path.read_bytes()
    arriving = Arriving(data, len(data), lambda: None)
    arriving.arrive(0)
    return arriving


def extracted(path: Path, target: Path, limit: int = LIMIT) -> dict[str, bytes]:
    count = extract(arrived(path), target, limit)
    files = {p.relative_to(target).as_posix(): p.read_bytes() for p in target.rglob("*") if p.is_file()}
    assert count == len(files)
    return files


NAME = st.text(st.characters(codec="utf-8", exclude_characters="/\\\0"), min_size=1, max_size=20).filter(
    lambda name: name not in (".", "..")
)


@settings(max_examples=40)
@given(
    st.dictionaries(st.tuples(st.sampled_from(["", "a/", "b/c/"]), NAME).map("".join), st.binary(max_size=3000)),
    st.booleans(),
)
def test_what_comes_out_is_what_went_in(files: dict[str, bytes], small: bool) -> None:
    files = {name: content for name, content in files.items() if not {"a", "b"} & {name}}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        if small:  # files of any size take the way of large ones
            patch.setattr(module, "_WHOLE_BYTES", 0)
            patch.setattr(module, "_PIECE_BYTES", 7)
        path = Path(folder, "a.zip")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content, zipfile.ZIP_STORED if len(content) % 2 else None)
        assert extracted(path, Path(folder, "out")) == files


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "a/", "a/b/", "c/"]), st.sampled_from([0, 5, 1 << 20, 3 << 20])), max_size=30
    )
)
def test_every_file_is_in_one_share(sizes: list[tuple[str, int]]) -> None:
    members = []
    for number, (folder, size) in enumerate(sizes):
        member = zipfile.ZipInfo(f"{folder}{number}")
        member.file_size, member.header_offset = size, 100 * number
        members.append(member)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MOST_TOGETHER", 3)
        found = module._shares(members, directory=1 << 40)
    shares = [share.members for share in found]
    assert sorted(m.filename for share in shares for m in share) == sorted(m.filename for m in members)
    assert all(share.end > max(m.header_offset for m in share.members) for share in found)
    for share in shares:
        assert len({m.filename.rpartition("/")[0] for m in share}) == 1
        assert len(share) == 1 or (len(share) <= 3 and max(m.file_size for m in share) < 1 << 20)
    largest = max((m.file_size for m in members), default=0)
    assert largest < 1 << 20 or shares[0][0].file_size == largest


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from([20, 100, 1000]))
def test_parts_arrive_in_any_order(data: st.DataObject, part_bytes: int) -> None:
    files = {f"{folder}{n}": bytes([n]) * 40 * n for n in range(12) for folder in ("", "a/", "a/b/")}
    with tempfile.TemporaryDirectory() as folder:
        path, target = Path(folder, "a.zip"), Path(folder, "out")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        whole = path.read_bytes()
        there = bytearray(len(whole))
        arriving = Arriving(there, part_bytes, lambda: None)
        order = data.draw(st.permutations(range(arriving.parts)))

        def transfer() -> None:
            for part in order:
                assert not target.exists()
                start, end = arriving.place(part)
                there[start:end] = whole[start:end]
                arriving.arrive(part)

        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(transfer)
            assert extract(arriving, target, LIMIT) == len(files)
            sending.result()
        assert {p.relative_to(target).as_posix(): p.read_bytes() for p in target.rglob("*") if p.is_file()} == files


def halves(folder: Path) -> tuple[bytes, int]:
    """A ZIP of two files in two folders, and where the second one begins."""
    path = folder / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/first", b"1" * 1000)
        archive.writestr("b/second", b"2" * 1000)
        second = archive.getinfo("b/second").header_offset
    return path.read_bytes(), second


def test_files_are_written_while_later_ones_arrive(tmp_path: Path) -> None:
    whole, second = halves(tmp_path)
    arriving = Arriving(whole, second, lambda: None)
    for part in (0, *range(2, arriving.parts)):
        arriving.arrive(part)
    partial, target = tmp_path / ".out.partial", tmp_path / "out"
    with ThreadPoolExecutor(1) as pool:
        extracting = pool.submit(extract, arriving, target, LIMIT)
        until(lambda: (partial / "a/first").is_file() and (partial / "a/first").stat().st_size == 1000)
        assert not (partial / "b/second").exists()
        assert not target.exists()
        arriving.arrive(1)
        assert extracting.result() == 2
    assert (target / "b/second").read_bytes() == b"2" * 1000


def test_a_transfer_that_fails_leaves_nothing(tmp_path: Path) -> None:
    whole, second = halves(tmp_path)
    arriving = Arriving(whole, second, lambda: None)
    for part in (0, *range(2, arriving.parts)):
        arriving.arrive(part)
    with ThreadPoolExecutor(1) as pool:
        extracting = pool.submit(extract, arriving, tmp_path / "out", LIMIT)
        until((tmp_path / ".out.partial/a/first").is_file)
        arriving.fail(UnavailableError("The store is away."))
        with pytest.raises(UnavailableError, match="The store is away"):
            extracting.result()
    assert [p.name for p in tmp_path.iterdir()] == ["a.zip"]


@pytest.mark.parametrize("content", [None, b"no ZIP at all"])
def test_bytes_that_are_not_verified_leave_nothing(tmp_path: Path, content: bytes | None) -> None:
    """What is wrong with their form is not told: that they are others than announced is what matters."""

    def refuse() -> None:
        raise AttachError("other bytes than announced")

    whole = content or halves(tmp_path)[0]
    arriving = Arriving(whole, len(whole), refuse)
    arriving.arrive(0)
    with pytest.raises(AttachError, match="other bytes than announced"):
        extract(arriving, tmp_path / "out", LIMIT)
    assert {p.name for p in tmp_path.iterdir()} <= {"a.zip"}


def test_everybody_can_read_and_nobody_else_write(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode in (("folder/", 0o40700), ("folder/plain", 0o100600), ("folder/script", 0o104777)):
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, b"")
    before = os.umask(0o022)
    try:
        extracted(path, tmp_path / "out")
    finally:
        os.umask(before)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "out").rglob("*")}
    assert modes == {"folder": 0o755, "plain": 0o644, "script": 0o755}


def named(*names: str, mode: int = 0o100644) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                info = zipfile.ZipInfo("x" * len(name))
                info.filename, info.external_attr, info.create_system = name, mode << 16, 3
                archive.writestr(info, b"content")

    return write


def broken(field: str, offset: int, value: bytes) -> Callable[[Path], None]:
    """A good ZIP, with bytes of its directory entry ("central") or its local header overwritten."""

    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("file", b"content " * 100)
        data = bytearray(path.read_bytes())
        at = data.index(b"PK\x01\x02") if field == "central" else 0
        data[at + offset : at + offset + len(value)] = value
        path.write_bytes(data)

    return write


def many(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(LIMIT + 1))


HOSTILE: list[tuple[str, Callable[[Path], None], str]] = [
    ("parent", named("a/../../b"), "a path that leads elsewhere"),
    ("absolute", named("/etc/passwd"), "a path that leads elsewhere"),
    ("backslash", named("..\\b"), "a path that leads elsewhere"),
    ("empty part", named("a//b"), "a path that leads elsewhere"),
    ("dot", named("./a"), "a path that leads elsewhere"),
    ("long name", named("n" * 256), "a path that is too long"),
    ("long path", named("/".join(["n" * 200] * 21)), "a path that is too long"),
    ("symbolic link", named("a", mode=0o120777), "a link or a device"),
    ("device", named("a", mode=0o020666), "a link or a device"),
    ("folder in name only", named("a/", mode=0o100644), "a link or a device"),
    ("folder with content", named("a/", mode=0o040755), "a folder with content"),
    ("file and folder", named("a", "a/b"), "'a' both as a file and as a folder"),
    ("too much", many, f"{LIMIT} bytes were announced"),
    ("encrypted", broken("central", 8, b"\x01\x00"), "encrypted"),
    ("bzip2", broken("central", 10, b"\x0c\x00"), "compressed in an unusual way"),
    ("larger than said", broken("central", 24, struct.pack("<I", 700)), "is damaged"),
    ("smaller than said", broken("central", 24, struct.pack("<I", 900)), "gives a wrong size"),
    ("no such data", broken("central", 20, struct.pack("<I", 1 << 20)), "lies outside"),
    ("no header", broken("local", 0, b"XX"), "no header for"),
    ("rotten", broken("local", 34, b"\xff\xff\xff"), "is damaged"),
    ("not a ZIP", lambda path: path.write_bytes(b"no ZIP at all") and None, "no ZIP that can be read"),
]  # fmt: skip


@pytest.mark.parametrize(("write", "problem"), [h[1:] for h in HOSTILE], ids=[h[0] for h in HOSTILE])
@pytest.mark.parametrize("whole", [True, False])
def test_a_hostile_zip_gets_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None], problem: str, whole: bool
) -> None:
    if not whole:
        monkeypatch.setattr(module, "_WHOLE_BYTES", 0)
    path, target = tmp_path / "a.zip", tmp_path / "deep" / "out"
    write(path)
    with pytest.raises(AttachError) as caught:
        extracted(path, target)
    message = str(caught.value)
    assert problem in message or (not whole and "wrong size" in message)
    assert not target.exists()
    assert {p.name for p in tmp_path.iterdir()} <= {"a.zip", "deep"}


def test_what_a_killed_container_left_is_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"new")
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial/old").write_text("old")
    assert extracted(path, tmp_path / "out") == {"a": b"new"}
