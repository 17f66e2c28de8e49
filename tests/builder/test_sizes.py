"""Sizes for people: one form, wherever they are told."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagy.core.package.summary import completed_message
from dagy_builder.failure import StepError
from dagy_builder.sizes import Limits, human_size
from tests.fakes.built import artifact

ROOT = Path(__file__).parents[2]
SOURCES = [path for folder in ("operator/dagy", "builder-image") for path in (ROOT / folder).rglob("*.py")]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (58_300_000, "58.3 MB"),
        (999_960_000, "1.0 GB"),
        (10**15, "1000.0 TB"),
    ],
)
def test_human_size(size: int, text: str) -> None:
    assert human_size(size) == text


def texts(path: Path) -> Iterator[str]:
    """All strings of a module that are no docstrings."""
    tree = ast.parse(path.read_text())
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_counts_in_another_unit(path: Path) -> None:
    assert not [text for text in texts(path) if re.search(r"\b[KMGT]iB\b", text)]


def test_there_is_one_form() -> None:
    assert [path.name for path in SOURCES if "def human_size" in path.read_text()] == ["sizes.py"]
    # What status and the CLI say of a ZIP, and what the log of its build says.
    built = artifact("1" * 64).model_copy(update={"size_bytes": 60_988_121})
    assert f" {human_size(built.size_bytes)}," in completed_message(built)
    assert human_size(Limits().compressed_bytes) == "4.3 GB"


def test_limits_come_from_the_environment() -> None:
    assert Limits.of({"DAGY_MAX_FILES": "7"}).files == 7
    assert Limits.of({}) == Limits()
    with pytest.raises(StepError, match="DAGY_MAX_FILE_BYTES"):
        Limits.of({"DAGY_MAX_FILE_BYTES": "-1"})
