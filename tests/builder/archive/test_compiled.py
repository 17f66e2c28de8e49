"""Bytecode in the ZIP: of the sources that lie there, after all else, and told like every other file."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dagy_builder.archive.pack import package
from dagy_builder.archive.summary import PackageSummary
from dagy_builder.archive.tree import TreeReader
from dagy_builder.bytecode.compiler import Compiler
from dagy_builder.contract import BuildRequest
from dagy_builder.failure import StepError
from dagy_builder.sizes import Limits
from tests.fakes.trees import small_tree

OWN = "{}.{}".format(*sys.version_info)
REQUEST = BuildRequest(OWN, bytecode="Include")
TAG = f"cpython-{OWN.replace('.', '')}"
INIT, EMPTY = f"pkg/__pycache__/__init__.{TAG}.pyc", f"pkg/__pycache__/empty.{TAG}.pyc"
original = TreeReader.read


def _tree(root: Path) -> Path:
    tree = small_tree(root)
    for path, data in {
        "pkg/tests/test_it.py": b"x = 1\n",
        "pkg/two.py": b"def (",
        f"pkg/__pycache__/__init__.{TAG}.pyc": b"of the wheel",
        "pkg/beside.pyc": b"of the wheel",
    }.items():
        (tree / path).parent.mkdir(exist_ok=True)
        (tree / path).write_bytes(data)
    return tree


def _package(tree: Path, out: Path, limits: Limits | None = None, *, compiled: bool = True) -> PackageSummary:
    compiler = Compiler(Path(sys.executable), OWN) if compiled else None
    return package(REQUEST, tree, out, limits or Limits(), compiler=compiler)


def test_what_is_in_the_zip(tmp_path: Path) -> None:
    plain = _package(_tree(tmp_path / "tree"), tmp_path / "plain", compiled=False)
    summary = _package(tmp_path / "tree", tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "plain/artifact.zip") as archive:
        before = archive.namelist()
    with zipfile.ZipFile(tmp_path / "out/artifact.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [*before, EMPTY, INIT], "what no RECORD lists is nobody's, and comes first"
        infos = {info.filename: info for info in archive.infolist()}
        assert archive.read(INIT)[4:8] == (1).to_bytes(4, "little"), "unchecked, PEP 552"
        assert {
            (info.date_time, info.external_attr >> 16 & 0o777) for name, info in infos.items() if name in (INIT, EMPTY)
        } == {((1980, 1, 1, 0, 0, 0), 0o644)}
        files = {name: archive.read(name) for name in infos}
    lines = gzip.decompress((tmp_path / "out/contents.txt.gz").read_bytes()).decode().splitlines()
    told = {path: digest for _, digest, path in (line.split(" ", 2) for line in lines)}
    assert told == {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
    assert list(told) == sorted(told, key=str.encode), "the list is sorted, wherever they lie"
    assert summary.content_sha256 == hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
    assert (summary.file_count, plain.file_count) == (len(files), len(files) - 2)
    assert summary.uncompressed_bytes == sum(map(len, files.values()))
    assert (summary.package_count, summary.zip_importable) == (1, True)
    assert summary.warnings == (), "pkg/two.py is no Python of this version, which nothing imports"


def test_extracted_it_is_imported_from_its_bytecode_and_as_a_zip_from_its_sources(tmp_path: Path) -> None:
    _package(_tree(tmp_path / "tree"), tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out/artifact.zip") as archive:
        archive.extractall(tmp_path / "extracted")
    command = [sys.executable, "-B", "-v", "-c", "import pkg; print(pkg.VALUE, pkg.__cached__)"]

    def run(path: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, env={"PYTHONPATH": str(path)}, check=True, capture_output=True, text=True)

    extracted = run(tmp_path / "extracted")
    assert extracted.stdout.split() == ["42", str(tmp_path / "extracted" / INIT)]
    assert f"matches {tmp_path}/extracted/pkg/__init__.py" in extracted.stderr
    assert run(tmp_path / "out/artifact.zip").stdout.split()[0] == "42", "zipimport reads no __pycache__"


def test_a_source_that_changes_meanwhile_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    second = iter([False, True])  # the compiler and the packer read it, each in a thread of its own

    def read(self: TreeReader, file: object) -> bytes:
        changed = file.path == "pkg/__init__.py" and next(second)  # type: ignore[attr-defined]
        data = original(self, file)  # type: ignore[arg-type]
        return data + b"#" if changed else data

    monkeypatch.setattr(TreeReader, "read", read)
    with pytest.raises(StepError, match=r"'pkg/__init__\.py', which is refused: it changed while it was packed"):
        _package(_tree(tmp_path / "tree"), tmp_path / "out")
    assert not (tmp_path / "out/artifact.zip").exists()


@pytest.mark.parametrize("limit", ["uncompressed_bytes", "compressed_bytes"])
def test_bytecode_for_which_there_is_no_room_is_left_out(tmp_path: Path, limit: str) -> None:
    plain = _package(_tree(tmp_path / "tree"), tmp_path / "plain", compiled=False)
    most = {
        "uncompressed_bytes": plain.uncompressed_bytes + 250,
        "compressed_bytes": plain.size_bytes + (1 << 20) - 1000,
    }
    (tmp_path / "tree" / INIT).unlink()
    (tmp_path / "tree/pkg/beside.pyc").unlink()
    summary = _package(tmp_path / "tree", tmp_path / "out", Limits(**{limit: most[limit]}))
    assert any("sources have no bytecode: with it the package would have more than" in one for one in summary.warnings)
    assert summary.uncompressed_bytes <= Limits(**{limit: most[limit]}).uncompressed_bytes
    assert summary.size_bytes <= Limits(**{limit: most[limit]}).compressed_bytes


def test_the_same_bytes_again(tmp_path: Path) -> None:
    one, two = (_package(_tree(tmp_path / name), tmp_path / f"{name}-out") for name in ("one", "two"))
    assert one == two
