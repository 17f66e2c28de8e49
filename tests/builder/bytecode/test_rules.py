"""Which sources are compiled, where their bytecode lies, and in which company they are compiled."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy_builder.bytecode.rules import (
    SOURCE_BYTES,
    SourceFile,
    chunks,
    compiled_path,
    refusal_warnings,
    room_warnings,
    source_of,
    sources_in,
    tag_of,
)


@pytest.mark.parametrize(
    ("path", "size", "compiled"),
    [
        ("six.py", 1, True),
        ("a/b/__init__.py", 0, True),
        ("a/b.py", SOURCE_BYTES, True),
        ("a/data.py", SOURCE_BYTES + 1, False),
        ("a/tests/b.py", 1, False),
        ("tests/b.py", 1, False),
        ("a/test/b.py", 1, False),
        ("a/test.py", 1, True),
        ("a/testing/b.py", 1, True),
        ("a/not-a-name.py", 1, False),
        ("a-1.0.dist-info/b.py", 1, False),
        ("bin/tool.py", 1, False),
        ("a/b.pyi", 1, False),
        ("a/b.so", 1, False),
    ],
)
def test_what_is_compiled(path: str, size: int, compiled: bool) -> None:
    assert bool(sources_in({path: size})) is compiled


def test_a_folder_of_that_name_in_other_letters_is_left_alone() -> None:
    assert sources_in({"a/b.py": 1, "a/__PyCache__/data.txt": 1, "c/d.py": 1}) == [SourceFile("c/d.py", 1)]


@pytest.mark.parametrize("source", ["six.py", "a/__init__.py", "a/b/c.py", "ä/ö.py"])
def test_bytecode_lies_where_python_looks(source: str) -> None:
    tag = tag_of("{}.{}".format(*sys.version_info))
    assert compiled_path(source, tag) == importlib.util.cache_from_source(source)
    assert source_of(compiled_path(source, tag)) == source


@pytest.mark.parametrize("path", ["a/b.py", "a/b.pyc", "__pycache__", "a/__pycache__/b.txt", "x__pycache__/b.c.pyc"])
def test_other_paths_are_the_bytecode_of_nothing(path: str) -> None:
    assert source_of(path) is None


SOURCES = st.lists(
    st.builds(SourceFile, st.text("abc/", min_size=1, max_size=4), st.integers(0, 3 << 20)),
    max_size=12,
    unique_by=lambda one: one.path,
)


@given(SOURCES, st.dictionaries(st.text("abc/", min_size=1, max_size=4), st.sampled_from(["x", "y"])))
def test_each_source_is_in_one_chunk_of_one_distribution(sources: list[SourceFile], owners: dict[str, str]) -> None:
    made = list(chunks(sources, owners))
    assert sorted(one.path for chunk in made for one in chunk) == sorted(one.path for one in sources)
    for chunk in made:
        assert len({owners.get(one.path, "") for one in chunk}) == 1
        assert len(chunk) == 1 or sum(one.size for one in chunk) <= 2 << 20


@given(SOURCES, SOURCES)
def test_what_is_installed_beside_it_changes_no_chunk_of_a_distribution(
    ours: list[SourceFile], others: list[SourceFile]
) -> None:
    owners = {one.path: "ours" for one in ours}
    beside = [one for one in others if one.path not in owners]
    alone = list(chunks(ours, owners))
    together = [chunk for chunk in chunks([*beside, *ours], owners) if chunk[0].path in owners]
    assert together == alone


def test_warnings_are_few_and_short() -> None:
    refusals = {f"a/{number}.py": "MemoryError: no" for number in range(200)}
    (told,) = refusal_warnings(refusals, 1800)
    assert told.startswith(
        "200 of 2000 sources have no bytecode, because the compiler failed: a/0.py (MemoryError: no); a/1.py (MemoryError: no);"
    )
    assert "and 197 more" in told
    assert len(told) < 500
    assert refusal_warnings({}, 5) == refusal_warnings({"a/py2.py": "SyntaxError: invalid syntax"}, 5) == []
    assert room_warnings([], "1 GB") == []
    (told,) = room_warnings(["a.py", "b.py"], "1 GB")
    assert told.startswith("2 sources have no bytecode: with it the package would have more than 1 GB.")
