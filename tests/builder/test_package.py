"""The ZIP: hostile trees, the same bytes everywhere, readable by others."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagy_builder.contract import BuildRequest, Reason
from dagy_builder.failure import StepError
from dagy_builder.limits import Limits
from dagy_builder.package import PackageSummary, compress, package, read_summary
from dagy_builder.tree import TreeReader, scan
from dagy_builder.zipwriter import DEFLATED, STORED, Member, ZipWriter

REQUEST = BuildRequest("3.12")
RECORD = "pkg-1.0.dist-info/RECORD"


def _tree(root: Path) -> Path:
    """A small installed tree."""
    files = {
        "pkg/__init__.py": b"VALUE = 42\n" * 50,
        "pkg/data.bin": bytes(range(256)),
        "pkg/ümlaut.txt": b"x" * 2000,
        "pkg/empty.py": b"",
        "bin/tool": b"#!/somewhere/python3.12\nprint(1)\n",
        "pkg-1.0.dist-info/METADATA": b"Name: pkg\n",
        "pkg-1.0.dist-info/INSTALLER": b"uv",
        RECORD: b"pkg/__init__.py,,\nbin/tool,sha256=old,1\npkg-1.0.dist-info/INSTALLER,,\n",
    }
    for path, data in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    (root / "bin/tool").chmod(0o755)
    return root


def _package(tree: Path, out: Path, limits: Limits | None = None, request: BuildRequest = REQUEST) -> PackageSummary:
    return package(request, tree, out, limits or Limits())


def test_what_is_in_the_zip(tmp_path: Path) -> None:
    summary = _package(_tree(tmp_path / "tree"), tmp_path / "out")
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
    subprocess.run(["unzip", "-tqq", tmp_path / "out/artifact.zip"], check=True)


def test_python_imports_from_the_zip(tmp_path: Path) -> None:
    _package(_tree(tmp_path / "tree"), tmp_path / "out")
    environment = {"PYTHONPATH": str(tmp_path / "out/artifact.zip")}
    command = [sys.executable, "-c", "import pkg; print(pkg.VALUE, type(pkg.__loader__).__name__)"]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["42", "zipimporter"]


def test_the_same_bytes_whatever_umask_time_and_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _package(_tree(tmp_path / "one"), tmp_path / "out1")
    old = os.umask(0o077)
    try:
        second_tree = tmp_path / "two"
        shutil.copytree(_tree(tmp_path / "scratch"), second_tree, copy_function=shutil.copy)
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
    tree = _tree(tmp_path / "tree")
    (tree / "pkg/text.py").write_bytes(b"".join(f"line {n} {n * n}\n".encode() for n in range(20_000)))
    fast, small = (_package(tree, tmp_path / c, request=BuildRequest("3.12", compression=c)) for c in ("fast", "small"))
    assert small.size_bytes < fast.size_bytes
    assert small.content_sha256 == fast.content_sha256


def _symlink(tree: Path) -> None:
    (tree / "pkg/link.py").symlink_to("/etc/passwd")


def _folder_symlink(tree: Path) -> None:
    (tree / "etc").symlink_to("/etc")


def _hard_link(tree: Path) -> None:
    (tree / "pkg/copy.py").hardlink_to(tree / "pkg/__init__.py")


def _fifo(tree: Path) -> None:
    os.mkfifo(tree / "pkg/pipe")


def _socket(tree: Path) -> None:
    folder = os.open(tree, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{folder}/sock")
    os.close(folder)


def _case(tree: Path) -> None:
    (tree / "PKG").mkdir()
    (tree / "PKG/other.py").touch()


def _named(name: str) -> Callable[[Path], None]:
    def make(tree: Path) -> None:
        (tree / "pkg" / name).touch()

    return make


def _startup(name: str) -> Callable[[Path], None]:
    def make(tree: Path) -> None:
        (tree / name).touch()

    return make


def _startup_folder(tree: Path) -> None:
    (tree / "sitecustomize").mkdir()


def _device(tree: Path) -> None:
    os.mknod(tree / "pkg/null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))


HOSTILE = [
    (_symlink, "symbolic link"),
    (_folder_symlink, "symbolic link"),
    (_hard_link, "hard link"),
    (_fifo, "FIFO"),
    (_socket, "socket"),
    (_device, "device"),
    (_case, "only in the case"),
    (_named("a\\b.py"), "portable"),
    (_named("C:evil"), "portable"),
    (_named("a\nb.py"), "control characters"),
    (_named("a\u202eb.py"), "control characters"),
    (_named("u\u0308.py"), "normal form C"),
    (_startup("sitecustomize.py"), "start of every program"),
    (_startup("usercustomize.cpython-312-x86_64-linux-gnu.so"), "start of every program"),
    (_startup("sitecustomize.pyc"), "start of every program"),
    (_startup_folder, "start of every program"),
]


@pytest.mark.parametrize(("spoil", "why"), HOSTILE, ids=[f"{why}-{n}" for n, (_, why) in enumerate(HOSTILE)])
def test_hostile_trees_are_refused(tmp_path: Path, spoil: Callable[[Path], None], why: str) -> None:
    tree = _tree(tmp_path / "tree")
    if spoil is _device and os.geteuid() != 0:
        pytest.skip("only root makes devices")
    spoil(tree)
    request = BuildRequest("3.12", source_distributions="Allow")
    with pytest.raises(StepError, match=why) as caught:
        _package(tree, tmp_path / "out", request=request)
    assert caught.value.reason is Reason.TREE_REFUSED
    assert "\n" not in caught.value.message
    assert not (tmp_path / "out/artifact.zip").exists()


def test_links_that_uv_made_are_fine(tmp_path: Path) -> None:
    """Where no package code ran, a link can only be uv's, to its cache."""
    tree = _tree(tmp_path / "tree")
    plain = _package(tree, tmp_path / "out1")
    (tmp_path / "cached").hardlink_to(tree / "pkg/__init__.py")
    assert _package(tree, tmp_path / "out2") == plain


def test_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    tree = _tree(tmp_path / "tree")
    Path(os.fsdecode(os.fsencode(tree) + b"/pkg/\xff.py")).touch()
    with pytest.raises(StepError, match="no UTF-8"):
        _package(tree, tmp_path / "out")


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        (Limits(files=3), "more than 3 files"),
        (Limits(file_bytes=1000), "limit is 1000 bytes for a file"),
        (Limits(uncompressed_bytes=2500), "more than 2.4 KiB"),
        (Limits(compressed_bytes=300), "The ZIP has more than 300 bytes"),
    ],
)
def test_limits(tmp_path: Path, limits: Limits, what: str) -> None:
    with pytest.raises(StepError, match=what) as caught:
        _package(_tree(tmp_path / "tree"), tmp_path / "out", limits)
    assert caught.value.reason is Reason.TOO_LARGE


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def _replace(path: Path) -> None:
    content = path.read_bytes()
    path.with_name("other").write_bytes(content)
    path.with_name("other").replace(path)


def _link_away(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def _become_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder_becomes_link(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))
    path.parent.symlink_to("moved")


@pytest.mark.parametrize("change", [_grow, _replace, _link_away, _become_fifo, _folder_becomes_link, Path.unlink])
def test_a_file_that_changes_after_the_scan(tmp_path: Path, change: Callable[[Path], None]) -> None:
    tree = _tree(tmp_path / "tree")
    file = next(file for file in scan(tree, Limits()) if file.path == "pkg/__init__.py")
    change(tree / "pkg/__init__.py")
    root = os.open(tree, os.O_RDONLY)
    try:
        with TreeReader(root) as reader, pytest.raises(StepError, match=r"changed|grew"):
            reader.read(file)
    finally:
        os.close(root)


def test_native_modules_are_noticed(tmp_path: Path) -> None:
    tree = _tree(tmp_path / "tree")
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
            method, packed = compress(data, level)
            writer.add(Member(name, executable, method, deflate.crc32(data), len(data), packed))
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
    subprocess.run(["unzip", "-tqq", target], check=True)


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
