"""Installed trees that package code may have left behind: how each is made, and with which sentence it is refused."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dagy_builder.archive import pack as package_module
from dagy_builder.archive import tree as tree_module
from dagy_builder.archive.pack import package
from dagy_builder.contract import BuildRequest, Reason
from dagy_builder.failure import StepError
from dagy_builder.sizes import Limits
from tests.fakes.trees import small_tree

REQUEST = BuildRequest("3.12", source_distributions="Allow")
MODULE = "pkg/__init__.py"
Spoil = Callable[[Path], object]


def _named(*names: str | bytes) -> Spoil:
    """Empty files in the package's folder."""

    def make(tree: Path) -> None:
        for name in names:
            Path(os.fsdecode(os.fsencode(tree / "pkg") + b"/" + os.fsencode(name))).touch()

    return make


def _folders(count: int) -> Spoil:
    def make(tree: Path) -> None:
        for _ in range(count):
            tree = tree / "d"
            tree.mkdir()

    return make


def _many(count: int) -> Spoil:
    return _named(*(f"{number}.py" for number in range(count)))


def _sparse(size: int) -> Spoil:
    def make(tree: Path) -> None:
        file = tree / "pkg/sparse.bin"
        file.touch()
        os.truncate(file, size)
        assert file.stat().st_blocks == 0

    return make


def _socket(tree: Path) -> None:
    folder = os.open(tree, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"/proc/self/fd/{folder}/sock")  # a path that fits, however long the tree's is
    os.close(folder)


def _device(tree: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes devices")
    os.mknod(tree / "pkg/null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))


def _case_of_a_folder(tree: Path) -> None:
    (tree / "PKG").mkdir()
    (tree / "PKG/other.py").touch()


REFUSED: list[tuple[str, Spoil, str]] = [
    ("link to a file", lambda tree: (tree / "pkg/link.py").symlink_to("/etc/passwd"), "it is a symbolic link"),
    ("link to a folder", lambda tree: (tree / "etc").symlink_to("/etc"), "it is a symbolic link"),
    ("dangling link", lambda tree: (tree / "pkg/link.py").symlink_to("nowhere"), "it is a symbolic link"),
    ("hard link", lambda tree: (tree / "pkg/copy.py").hardlink_to(tree / MODULE), "it is a hard link"),
    ("FIFO", lambda tree: os.mkfifo(tree / "pkg/pipe"), "it is a FIFO"),
    ("socket", _socket, "it is a socket"),
    ("device", _device, "it is a device"),
    ("case of a file", _named("one.py", "ONE.py"), "only in the case of letters"),
    ("case of a folder", _case_of_a_folder, "only in the case of letters"),
    ("case beyond ASCII", _named("\u00fc.py", "\u00dc.py"), "only in the case of letters"),
    ("case that changes the length", _named("stra\u00dfe.py", "strasse.py"), "only in the case of letters"),
    ("normalization", _named("\u00fc.py", "u\u0308.py"), "not in Unicode's normal form C"),
    ("one file not normalized", _named("u\u0308.py"), "not in Unicode's normal form C"),
    ("backslash", _named("a\\b.py"), "no portable file name"),
    ("drive", _named("C:evil"), "no portable file name"),
    ("newline", _named("a\nb.py"), "control characters"),
    ("ANSI", _named("a\x1b[31mb.py"), "control characters"),
    ("right-to-left override", _named("a\u202eb.py"), "control characters"),
    ("zero width", _named("a\u200bb.py"), "control characters"),
    ("no UTF-8", _named(b"\xff.py"), "no UTF-8"),
    (
        "long path",
        lambda tree: (tree / "/".join(["\U0001f4e6" * 60] * 5)).mkdir(parents=True),
        "longer than 1024 bytes",
    ),
    ("deep folders", _folders(400), "more than 64 folders"),
    ("sitecustomize", lambda tree: (tree / "sitecustomize.py").touch(), "start of every program"),
    ("compiled", lambda tree: (tree / "sitecustomize.pyc").touch(), "start of every program"),
    ("native", lambda tree: (tree / "usercustomize.cpython-312-x86_64-linux-gnu.so").touch(), "start of every program"),
    ("sitecustomize folder", lambda tree: (tree / "sitecustomize").mkdir(), "start of every program"),
]


def _refusal(tree: Path, out: Path, limits: Limits | None = None) -> StepError:
    """How packing fails; whatever it is, it leaves no ZIP and can be shown in one line."""
    with pytest.raises(StepError) as caught:
        package(REQUEST, tree, out, limits or Limits())
    assert not (out / "artifact.zip").exists()
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 1000
    return caught.value


@pytest.mark.parametrize(("spoil", "why"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(tmp_path: Path, spoil: Spoil, why: str) -> None:
    tree = small_tree(tmp_path / "tree")
    spoil(tree)
    failure = _refusal(tree, tmp_path / "out")
    assert (failure.reason, why in failure.message) == (Reason.TREE_REFUSED, True), failure.message
    assert failure.message.isascii(), "names that deceive are shown as escapes"


TOO_LARGE: list[tuple[str, Spoil, Limits, str]] = [
    (
        "a sparse file of 100 GiB",
        _sparse(100 << 30),
        Limits(),
        "pkg/sparse.bin has 107.4 GB, and the limit is 2.1 GB",
    ),
    ("a file", _sparse(3000), Limits(file_bytes=2500), "pkg/sparse.bin has 3.0 kB, and the limit is 2.5 kB for a"),
    ("all files", _sparse(3000), Limits(uncompressed_bytes=2500), "installed packages have more than 2.5 kB"),
    ("number of files", _many(30), Limits(files=25), "have more than 25 files, and the limit is 25"),
    ("number of folders", _folders(30), Limits(files=25), "have more than 25 files, and the limit is 25"),
    ("the ZIP", _many(0), Limits(compressed_bytes=300), "The ZIP has more than 300 B"),
]


@pytest.mark.parametrize(("spoil", "limits", "why"), [row[1:] for row in TOO_LARGE], ids=[row[0] for row in TOO_LARGE])
def test_too_large(tmp_path: Path, spoil: Spoil, limits: Limits, why: str) -> None:
    tree = small_tree(tmp_path / "tree")
    spoil(tree)
    failure = _refusal(tree, tmp_path / "out", limits)
    assert (failure.reason, why in failure.message) == (Reason.TOO_LARGE, True), failure.message
    assert (tmp_path / "out").exists() == (limits.compressed_bytes == 300), "all else is known before a file is read"


def test_a_million_files_are_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scan ends at the limit; what comes after it costs nothing."""
    tree = small_tree(tmp_path / "tree")
    _many(200)(tree)
    looked_at: list[str] = []
    monkeypatch.setattr(tree_module, "check_name", looked_at.append)
    assert _refusal(tree, tmp_path / "out", Limits(files=25)).reason is Reason.TOO_LARGE
    assert len(looked_at) == 26


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x" * 10)


def _shrink(path: Path) -> None:
    os.truncate(path, 5)


def _rewrite(path: Path) -> None:
    size = path.stat().st_size
    path.write_bytes(b"y" * size)
    os.utime(path, ns=(1, 1))


def _replace(path: Path) -> None:
    path.with_name("other").write_bytes(path.read_bytes())
    path.with_name("other").replace(path)


def _become_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


def _become_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder_becomes_link(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))
    path.parent.symlink_to("moved")


AFTER_THE_SCAN = [_grow, _shrink, _rewrite, _replace, _become_link, _become_fifo, _folder_becomes_link, Path.unlink]
WHILE_READ = [_grow, _shrink, _rewrite]


@pytest.mark.parametrize("change", AFTER_THE_SCAN, ids=lambda change: change.__name__)
def test_a_file_that_changes_after_the_scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Spoil) -> None:
    tree = small_tree(tmp_path / "tree")
    real = package_module.scan

    def scan_and_change(*arguments: object, **options: object) -> object:
        files = real(*arguments, **options)  # type: ignore[arg-type]
        change(tree / MODULE)
        return files

    monkeypatch.setattr(package_module, "scan", scan_and_change)
    failure = _refusal(tree, tmp_path / "out")
    assert failure.reason is Reason.TREE_REFUSED
    assert f"'{MODULE}', which is refused: it changed while it was packed" in failure.message


@pytest.mark.parametrize("change", WHILE_READ, ids=lambda change: change.__name__)
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Spoil) -> None:
    """Between two reads of it, of which one is enough only where nothing changes."""
    tree = small_tree(tmp_path / "tree")
    inode, real, changed = (tree / MODULE).stat().st_ino, os.read, list[bool]()

    def read(fd: int, most: int) -> bytes:
        if os.fstat(fd).st_ino != inode:
            return real(fd, most)
        block = real(fd, min(most, 100))
        if not changed:
            changed.append(True)
            change(tree / MODULE)
        return block

    monkeypatch.setattr(os, "read", read)
    failure = _refusal(tree, tmp_path / "out")
    assert changed
    assert failure.reason is Reason.TREE_REFUSED
    assert MODULE in failure.message
    assert ("it grew" if change is _grow else "it changed") + " while it was packed" in failure.message


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Without root's right to read everything."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.mark.parametrize(("path", "mode"), [(MODULE, 0), ("pkg", 0), ("pkg", stat.S_IROTH | stat.S_IRUSR)])
def test_what_another_user_may_not_read(path: str, mode: int) -> None:
    """Not a failure of the machine, which would be tried again."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's folders are closed to others
        Path(folder).chmod(0o777)
        tree = small_tree(Path(folder, "tree"))
        (tree / path).chmod(mode)
        with _as_nobody():
            failure = _refusal(tree, Path(folder, "out"))
        (tree / path).chmod(0o700)
    assert failure.reason is Reason.TREE_REFUSED
    assert "its permissions forbid the build to read it" in failure.message


HARMLESS: list[tuple[str, Spoil]] = [
    ("setuid, setgid and sticky", lambda tree: (tree / "bin/tool").chmod(0o7755)),
    ("writable by all", lambda tree: (tree / "bin/tool").chmod(0o777)),
]


@pytest.mark.parametrize("change", [row[1] for row in HARMLESS], ids=[row[0] for row in HARMLESS])
def test_modes_that_the_zip_does_not_take_over(tmp_path: Path, change: Spoil) -> None:
    tree = small_tree(tmp_path / "tree")
    plain = package(REQUEST, tree, tmp_path / "out1", Limits())
    change(tree)
    assert package(REQUEST, tree, tmp_path / "out2", Limits()) == plain
    with zipfile.ZipFile(tmp_path / "out2/artifact.zip") as archive:
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100644, 0o100755}


def test_links_that_uv_made_are_fine(tmp_path: Path) -> None:
    """Where no package code ran, a link can only be uv's, to its cache."""
    tree = small_tree(tmp_path / "tree")
    plain = package(BuildRequest("3.12"), tree, tmp_path / "out1", Limits())
    (tmp_path / "cached").hardlink_to(tree / MODULE)
    assert package(BuildRequest("3.12"), tree, tmp_path / "out2", Limits()) == plain
