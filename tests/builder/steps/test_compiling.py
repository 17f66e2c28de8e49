"""The compiler of a build: the target's interpreter, and what may be shared with other builds."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dagy_builder.contract import BuildRequest
from dagy_builder.steps import pipeline
from dagy_builder.steps.compiling import compiler_for
from dagy_builder.steps.handover import packed_in, tree_in
from tests.fakes.trees import small_tree

OWN = "{}.{}".format(*sys.version_info)
REQUEST = BuildRequest(OWN, bytecode="Include")
SOURCES = [("a/b.py", b"b = 1\n")]


def _kept(folder: Path) -> int:
    return len([path for path in folder.rglob("*") if path.is_file()])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGY_SHARED_CACHE", str(tmp_path))
    return tmp_path / "bytecode"


def test_there_is_none_where_no_bytecode_is_wanted(folder: Path) -> None:
    assert compiler_for(replace(REQUEST, bytecode="Exclude")) is None
    assert not folder.exists()


def test_what_may_be_shared(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def built(request: BuildRequest) -> None:
        compiler = compiler_for(request)
        assert compiler
        assert compiler.compile(SOURCES)[0].data

    built(replace(REQUEST, source_distributions="Allow"))
    monkeypatch.setenv("DAGY_INDEX_GATEWAY", "http://127.0.0.1:7080")
    built(REQUEST)
    assert not folder.exists(), "package code ran, or credentials were used"
    monkeypatch.delenv("DAGY_INDEX_GATEWAY")
    built(REQUEST)
    assert _kept(folder) == 1
    (entry,) = [path for path in folder.rglob("*") if path.is_file()]
    good = entry.read_bytes()
    entry.write_bytes(b"")
    built(replace(REQUEST, attempt=2))
    assert entry.read_bytes() == good, "a second attempt compiles anew"


def test_without_the_targets_interpreter_the_package_says_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DAGY_PYTHON_ROOT", str(tmp_path))
    small_tree(tree_in(tmp_path))
    other = "3.10" if OWN != "3.10" else "3.11"
    packaged = pipeline.package(replace(REQUEST, python_version=other), tmp_path, lambda _: None)
    assert packaged.ok
    assert packaged.result
    (told,) = packaged.result["warnings"]
    assert told == (
        f"The package has no bytecode, so importing it takes longer: CPython {other} is not on this machine. "
        "Mend that and build again."
    )
    assert (packed_in(tmp_path) / "artifact.zip").exists()


def test_a_package_with_bytecode(tmp_path: Path) -> None:
    small_tree(tree_in(tmp_path))
    packaged = pipeline.package(REQUEST, tmp_path, lambda _: None)
    assert packaged.result
    assert packaged.result["file_count"] == 9
    assert packaged.result["warnings"] == ()
