"""Rules of the tree that no other tool checks."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*(ROOT / "operator/dagy").rglob("*.py"), *(ROOT / "builder-image").rglob("*.py")])


def test_operator_is_no_package() -> None:
    """An __init__.py there would shadow the standard library's `operator`."""
    assert not (ROOT / "operator/__init__.py").exists()


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_and_functions_stay_readable(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 300, "a module holds one rule: split it"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno
            assert node.end_lineno - node.lineno < 50, f"{node.name} is too long to be read at once"
