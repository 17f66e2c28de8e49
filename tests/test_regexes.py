"""Every regular expression of the product takes time in proportion to what strangers send it."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import dagy
import dagy_builder
from tests.regex_steps import growth

_METHODS = ("search", "match", "fullmatch", "findall", "finditer", "sub", "subn", "split")
_LINEAR = 2.6
"""Twice the text may take this many times the steps: more than 2, because a text of no length takes some as well."""

_BOUNDED = {
    **dict.fromkeys(
        [f"dagy_builder.redact.{name}" for name in ("_LOGIN_IN_REQUIREMENT", "_QUERY_IN_REQUIREMENT")],
        "its texts have at most 512 characters",
    ),
    "dagy.client.http.transport": "its texts are the caller's own log records, a URL each",
    **dict.fromkeys(
        [f"dagy_builder.{name}" for name in ("explain.build_failure", "explain.derivation", "explain.fetch_failures")],
        "uv's account of one package, read in that package's own Job, which its deadline ends",
    ),
    "dagy_builder.archive.included": "its texts are the first lines of scripts",
}
"""Modules and patterns whose texts are short, or nobody's but their author's: they are not tried."""


def modules() -> Iterator[ModuleType]:
    for package in (dagy, dagy_builder):
        yield package
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield importlib.import_module(found.name)


def _trees() -> Iterator[tuple[ModuleType, ast.Module]]:
    for module in modules():
        yield module, ast.parse(Path(str(module.__file__)).read_text())


def _uses() -> Iterator[tuple[str, str, re.Pattern[Any]]]:
    """Name, method and pattern of each use: of constants under their name, of literals under their line."""
    trees = list(_trees())
    called: dict[str, set[str]] = {}
    for _, tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in _METHODS:
                name = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
                called.setdefault(name, set()).add(node.attr)
    for module, tree in trees:
        if module.__name__ in _BOUNDED:
            continue
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern) and f"{module.__name__}.{name}" not in _BOUNDED:
                for method in called.get(name, {"search"}):
                    yield f"{module.__name__}.{name}", method, value
        yield from _literals(module, tree)


def _literals(module: ModuleType, tree: ast.Module) -> Iterator[tuple[str, str, re.Pattern[Any]]]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "re" and node.func.attr in _METHODS):
            continue
        flags = [word for word in node.args[2:] if isinstance(word, ast.Attribute)]
        names = {**vars(module), "re": re}
        try:
            pattern = eval(compile(ast.Expression(node.args[0]), "", "eval"), names)
            flag = eval(compile(ast.Expression(flags[0]), "", "eval"), names) if flags else 0
        except NameError:
            continue  # made of a parameter: the constants that it is made of are tried where they are used
        yield f"{module.__name__}:{node.lineno}", node.func.attr, re.compile(pattern, flag)


USES = sorted({(name, method, pattern) for name, method, pattern in _uses()}, key=lambda use: use[:2])


@pytest.mark.parametrize(("name", "method", "pattern"), USES, ids=[f"{name}-{method}" for name, method, _ in USES])
def test_it_takes_time_in_proportion_to_the_text(name: str, method: str, pattern: re.Pattern[Any]) -> None:
    grown, text = growth(pattern, method)
    assert grown <= _LINEAR, f"{name}.{method} takes more than linear time with such as {text!r}"


@pytest.mark.parametrize(
    ("pattern", "method", "linear"),
    [
        (r"-----BEGIN-----\s+([A-Za-z\s]+?)-----END-----", "finditer", False),
        (r"(a+)+b", "match", False),
        (r"\w+@", "search", False),
        (r"x.*y", "sub", False),
        (r"\s+$", "search", False),
        (r"a*b*c", "fullmatch", True),
        (r"a*a*c", "fullmatch", False),
        (r"[^\n]+", "findall", True),
        (r"(?:ab)*c", "match", True),
        (r"^(?:x|xx)*y", "match", False),
        (r"x[^x]*y", "search", True),
    ],
)
def test_the_counting_finds_what_is_not_linear(pattern: str, method: str, linear: bool) -> None:
    assert (growth(re.compile(pattern), method)[0] <= _LINEAR) is linear
