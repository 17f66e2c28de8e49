"""Rules of the tree that no other tool checks."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(p for folder in ("operator/dagy", "builder-image", "tests") for p in (ROOT / folder).rglob("*.py"))
# One scenario: its last test searches everything that the others left behind for their secrets.
ONE_PIECE = {ROOT / "tests/e2e/test_private_index.py"}


FOLDERS = {".ci", "builder-image", "crds", "docs", "manifests", "operator", "tests"}


def test_the_top_level_holds_what_it_must_and_nothing_that_somebody_left_there() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    assert {path.split("/")[0] for path in listed.split("\0") if "/" in path} == FOLDERS


def test_operator_is_no_package() -> None:
    """An __init__.py there would shadow the standard library's `operator`."""
    assert not (ROOT / "operator/__init__.py").exists()


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_and_functions_stay_readable(path: Path) -> None:
    text = path.read_text()
    assert path in ONE_PIECE or len(text.splitlines()) <= 300, "a module holds one rule: split it"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno
            assert node.end_lineno - node.lineno < 50, f"{node.name} is too long to be read at once"


PACKAGES = sorted({path.parent for path in SOURCES if not path.is_relative_to(ROOT / "tests")})


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_folder_is_seen_at_one_look(folder: Path) -> None:
    assert len(list(folder.glob("*.py"))) <= 14, "give what belongs together a package of its own"


CONSOLE = sorted((ROOT / "operator/console/src").rglob("*.ts*"))


@pytest.mark.parametrize("path", CONSOLE, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_consoles_modules_stay_readable(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("// Generated") or len(text.splitlines()) <= 300, "a module holds one rule: split it"


@pytest.mark.parametrize("folder", sorted({path.parent for path in CONSOLE}), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_folder_of_the_console_is_seen_at_one_look(folder: Path) -> None:
    assert len([path for path in folder.iterdir() if path.is_file()]) <= 14, (
        "give what belongs together a folder of its own"
    )
