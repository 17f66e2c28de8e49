"""Leaving out what others bring, and lists that agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.requirements import Dependency, parse_dependency
from dagy.core.requirements.reduction import Resolved, SplitError, closure, lost, needed, split


def _list(*texts: str) -> list[Dependency]:
    return [parse_dependency(text) for text in texts]


def _resolution(**brought_by: str) -> list[Resolved]:
    return [Resolved(name, f"{name}==1", tuple(parents.split())) for name, parents in brought_by.items()]


CHAIN = _resolution(top="", middle="top", bottom="middle other", other="")


@pytest.mark.parametrize(
    ("listed", "kept"),
    [
        (["top", "middle", "bottom"], ["top"]),
        (["bottom", "middle==1", "Top"], ["Top"]),
        (["top", "other", "bottom>=1"], ["top", "other"]),
        (["middle", "bottom"], ["middle"]),
        (["top", "middle[extra]", "bottom"], ["top", "middle[extra]"]),
        (["top", "bottom @ https://h.example/bottom-1-py3-none-any.whl"], ["top", "bottom @ https://h.example/bottom-1-py3-none-any.whl"]),
    ],
)  # fmt: skip
def test_what_others_bring_is_left_out(listed: list[str], kept: list[str]) -> None:
    assert needed(_list(*listed), CHAIN) == tuple(_list(*kept))


def test_of_packages_that_need_one_another_one_stays() -> None:
    assert needed(_list("a", "b", "c"), _resolution(a="c", b="a", c="b")) == tuple(_list("c"))


NAMES = ["a", "b", "c", "d", "e", "f"]
EDGES = st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=15)


@given(EDGES, st.sets(st.sampled_from(NAMES), min_size=1))
def test_all_that_was_there_is_still_brought_and_nothing_can_go(edges: set[tuple[str, str]], listed: set[str]) -> None:
    resolution = [Resolved(n, f"{n}==1", tuple(sorted(p for p, child in edges if child == n))) for n in NAMES]
    brings = {name: {child for parent, child in edges if parent == name} for name in NAMES}
    kept = {one.normalized_name for one in needed(_list(*sorted(listed)), resolution)}
    assert kept <= listed
    assert closure(kept, brings) == closure(listed, brings)
    assert all(closure(kept - {one}, brings) != closure(kept, brings) for one in kept)


def test_what_a_resolution_lacks() -> None:
    assert lost(_list("top", "gone"), CHAIN) == tuple(_list("gone"))


def test_lists_that_are_attached_together_agree() -> None:
    assert split([_list("top"), _list("other", "bottom")], CHAIN) == (
        ("bottom==1", "middle==1", "top==1"),
        ("bottom==1", "other==1"),
    )


def test_a_long_list_becomes_as_few_packages_as_hold_it() -> None:
    names = [f"n{number}" for number in range(450)]
    resolution = [*_resolution(shared=" ".join(names)), *(Resolved(name, f"{name}==1") for name in names)]
    groups = split([_list(*names, "shared")], resolution)
    assert [len(group) for group in groups] == [200, 200, 53]
    assert all("shared==1" in group for group in groups)
    assert {one for group in groups for one in group} == {one.requirement for one in resolution}


def test_what_a_single_requirement_brings_can_be_too_much() -> None:
    resolution = [*_resolution(top=""), *(Resolved(f"n{n}", f"n{n}==1", ("top",)) for n in range(200))]
    with pytest.raises(SplitError, match=r"List 1 comes to 201 packages"):
        split([_list("top")], resolution)
