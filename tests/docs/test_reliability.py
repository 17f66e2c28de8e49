"""Each test that docs/reliability.md names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = sorted(set(re.findall(r"`(tests/[a-z0-9_/]+[.]py)::(test_\w+)`", (ROOT / "docs/reliability.md").read_text())))


def test_promises_have_tests() -> None:
    text = (ROOT / "docs/reliability.md").read_text()
    promises = re.findall(r"^\| (.*) \|$", text.partition("## The campaign")[0], re.MULTILINE)[1:]
    assert promises
    assert all("::test_" in promise for promise in promises)


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda value: str(value).removeprefix("tests/"))
def test_a_test_that_is_named_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
