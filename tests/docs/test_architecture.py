"""The picture in docs/architecture.md is that of the imports: every import follows its arrows, and no arrow is invented."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text()
PICTURE = PAGE.split("```mermaid\n")[1].split("```")[0]
ARROWS = re.findall(r"^ +(\w+) --> (\w+)$", PICTURE, re.MULTILINE)
BOXES = set(re.findall(r"^ +(\w+)\[", PICTURE, re.MULTILINE))
# What starts something belongs to what it starts.
STARTS = {"dagy.cli": "commands", "dagy.deploy": "client", "dagy_builder.__main__": "builder_steps"}


def box_of(module: str) -> str | None:
    """The box of a module; None for packages that hold nothing but others."""
    if module in STARTS:
        return STARTS[module]
    root, *parts = module.split(".")
    if root == "dagy_builder":
        deep = f"builder_{parts[0]}" if parts else ""
        return deep if deep in BOXES else "builder"
    if not parts or parts == ["core"]:
        return None
    return f"core_{parts[1]}" if parts[0] == "core" else parts[0]


@pytest.fixture(scope="module")
def imports() -> Mapping[str, set[str]]:
    with pytest.MonkeyPatch.context() as patch:
        for folder in ("operator", "builder-image"):
            patch.syspath_prepend(ROOT / folder)
        sys.path_importer_cache.clear()
        graph = grimp.build_graph("dagy", "dagy_builder", cache_dir=None)
    found: dict[str, set[str]] = defaultdict(set)
    for module in graph.modules:
        for other in graph.find_modules_directly_imported_by(module):
            a, b = box_of(module), box_of(other)
            if a and b and a != b:
                found[a].add(b)
    return found


def below(box: str) -> Iterator[str]:
    for a, b in ARROWS:
        if a == box:
            yield b
            yield from below(b)


def test_every_folder_is_in_the_picture(imports: Mapping[str, set[str]]) -> None:
    assert {*imports, *(b for others in imports.values() for b in others)} == BOXES


def test_every_import_follows_the_arrows(imports: Mapping[str, set[str]]) -> None:
    list(TopologicalSorter({a: {b for x, b in ARROWS if x == a} for a in BOXES}).static_order())  # raises for a circle
    assert {(a, b) for a, others in imports.items() for b in others - set(below(a))} == set()


def test_every_arrow_is_an_import_that_no_other_path_explains(imports: Mapping[str, set[str]]) -> None:
    assert {(a, b) for a, b in ARROWS if b not in imports.get(a, ())} == set()
    assert {(a, b) for a, b in ARROWS if any(b in below(c) for x, c in ARROWS if x == a and c != b)} == set()


def test_the_modules_that_the_page_and_the_glossary_name_are_there() -> None:
    for page in ("architecture.md", "glossary.md"):
        for path in re.findall(r"`((?:dagy|dagy_builder)/[\w/]+\.py)`", (ROOT / "docs" / page).read_text()):
            folder = "builder-image" if path.startswith("dagy_builder/") else "operator"
            assert (ROOT / folder / path).is_file(), f"docs/{page} speaks of {path}"
