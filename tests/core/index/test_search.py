"""Which names are found, in which order, and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.index.known_names import KnownNames, NumberedNames
from dagy.core.index.names import IndexNames
from dagy.core.index.search import MOST_HITS, normalized_query, search
from dagy.model.rest.index import IndexMatch as M
from dagy_builder.explain.hints import PUBLISHED_AS

NAMES = st.lists(
    st.from_regex(r"\A[a-z]([a-z-]{0,10}[a-z])?\Z").map(lambda n: n.replace("--", "-")), min_size=1, max_size=40
)
USUAL = ["pandas", "numpy", "scikit-learn", "requests", "django", "flask", "pillow"]
ALL = [*USUAL, "sklearn", "pandas-stubs", "geopandas", "geo-pandas", "pandas2", "numpydoc", "django-pandas", "pands"]


def names_of(names: Iterable[str]) -> IndexNames:
    text = json.dumps({"projects": [{"name": name} for name in names]})
    return IndexNames.from_chunks([text.encode()], "application/json")


def known_of(used: Mapping[str, int] | None = None, popular: Mapping[str, int] | None = None) -> KnownNames:
    return KnownNames(NumberedNames(used or {}), NumberedNames(popular or {}))


def found(query: str, known: KnownNames | None = None, names: Iterable[str] | None = ALL) -> list[tuple[str, str]]:
    index = None if names is None else names_of(names)
    return [(hit.name, hit.match.value) for hit in search(normalized_query(query), index, known or KnownNames())]


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ("Pandas", "pandas"),
        ("  scikit learn ", "scikit-learn"),
        ("ruamel.yaml_clib", "ruamel-yaml-clib"),
        ("pandas[perf]>=2", "pandas"),
        ("pandas==2.0; python_version>'3'", "pandas"),
        ("scikit-", "scikit-"),
        ("pandas >= 2", "pandas"),
        ("-x", "x"),
        ("...", ""),
        ("пандас", ""),
        ("a\x1b[31m", "a"),
        ("a" * 1000, "a" * 128),
    ],
)
def test_what_is_looked_for(typed: str, query: str) -> None:
    assert normalized_query(typed) == query


def test_the_order_of_reasons() -> None:
    assert found("pandas") == [
        ("pandas", "exact"),
        ("pandas2", "prefix"),
        ("pandas-stubs", "prefix"),
        ("geo-pandas", "word"),
        ("django-pandas", "word"),
        ("geopandas", "inside"),
        ("pands", "typo"),
    ]
    assert found("sklearn") == [("sklearn", "exact"), ("scikit-learn", "alias")]
    assert found("SkLearn", names=["scikit-learn"]) == [("scikit-learn", "alias")]


def test_known_names_come_before_others() -> None:
    known = known_of({"django-pandas": 1, "numpydoc": 9}, {"numpy": 0, "pandas": 1})
    assert found("pan", known)[:2] == [("pandas", "prefix"), ("django-pandas", "word")]
    assert found("num", known) == [("numpydoc", "prefix"), ("numpy", "prefix")]  # what is used before what is popular
    assert found("nupmy", known) == [("numpy", "typo")]


def test_one_or_two_letters_find_beginnings_only() -> None:
    assert {match for _, match in found("p")} == {"prefix"}
    assert {match for _, match in found("an", names=["an", "pandas", "am", "x-an"])} == {"exact"}


def test_an_alias_is_told_only_where_the_index_has_it() -> None:
    assert found("cv2", names=["opencv-python"]) == []
    (hit,) = search("cv2", names_of(["opencv-python-headless"]), KnownNames())
    assert (hit.name, hit.alias) == ("opencv-python-headless", "cv2")


def test_without_a_list_known_names_and_one_that_exists_are_found() -> None:
    known = known_of({"pandas": 2, "geo-pandas": 1})
    assert found("pan", known, names=None) == [("pandas", "prefix"), ("geo-pandas", "word")]
    assert found("pandas", known, names=None)[0] == ("pandas", "exact")
    assert [hit.name for hit in search("torch", None, KnownNames(), exists=True)] == ["torch"]
    assert search("torch", None, KnownNames()) == []
    assert search("", None, known) == []


def test_known_names_that_the_index_does_not_have_are_not_promised() -> None:
    assert found("internal", known_of({"internal-lib": 5})) == []


@given(NAMES, st.data())
def test_a_name_that_exists_comes_first(names: list[str], data: st.DataObject) -> None:
    wanted = data.draw(st.sampled_from(names))
    known = known_of(dict.fromkeys(data.draw(st.lists(st.sampled_from(names))), 1))
    hits = search(normalized_query(wanted), names_of(names), known)
    assert (hits[0].name, hits[0].match) == (normalized_query(wanted), M.EXACT)
    assert len({hit.name for hit in hits}) == len(hits) <= MOST_HITS


@given(st.sampled_from([name for name in USUAL if name not in PUBLISHED_AS]), st.data())
def test_a_slip_in_a_popular_name_finds_it(name: str, data: st.DataObject) -> None:
    """Whatever else begins like what was typed."""
    at = data.draw(st.integers(0, len(name) - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789"))
    slipped = data.draw(
        st.sampled_from(
            [
                name[:at] + name[at + 1 :],
                name[:at] + letter + name[at:],
                name[:at] + letter + name[at + 1 :],
                name[:at] + name[at : at + 2][::-1] + name[at + 2 :],
            ]
        )
    )
    known = known_of(popular={popular: place for place, popular in enumerate(USUAL)})
    crowd = [f"{slipped.strip('-')}{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    hits = [hit.name for hit in search(normalized_query(slipped), names_of([*ALL, *crowd]), known)]
    assert name in hits[:5]


@given(NAMES, st.text("abcxyz-", max_size=6))
def test_every_hit_has_its_reason_and_the_order_is_always_the_same(names: list[str], typed: str) -> None:
    query, index = normalized_query(typed), names_of(names)
    hits = search(query, index, KnownNames())
    assert hits == search(query, names_of(reversed(names)), KnownNames())
    for hit in hits:
        assert index.has(hit.name)
        match hit.match:
            case M.PREFIX:
                assert hit.name.startswith(query)
            case M.WORD:
                assert f"-{query}" in hit.name
            case M.INSIDE:
                assert query in hit.name
            case M.TYPO:
                assert abs(len(hit.name) - len(query.rstrip("-"))) <= 1
            case _:
                pass
    order = [M.EXACT, M.ALIAS, M.PREFIX, M.WORD, M.INSIDE, M.TYPO]
    assert [hit.match for hit in hits] == sorted((hit.match for hit in hits), key=order.index)
