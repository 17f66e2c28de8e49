"""Adding and importing: the four rules of the guide, and how conflicts are settled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.requirements import Dependency, Target, parse_dependency
from dagy.core.requirements.files import (
    Conflict,
    Kept,
    Merge,
    Skipped,
    SkipReason,
    merge,
    read_requirements,
    resolve,
)
from dagy.core.requirements.files.report import has_findings, report, summary
from dagy.model.rest.parse import Resolution

TARGET = Target("3.12")


def deps(*texts: str) -> tuple[Dependency, ...]:
    return tuple(map(parse_dependency, texts))


def imported(existing: tuple[Dependency, ...], text: str) -> Merge:
    return merge(existing, read_requirements(text, TARGET))


def texts(dependencies: tuple[Dependency, ...]) -> list[str]:
    return [str(one) for one in dependencies]


def test_what_is_above_two_hundred_is_counted() -> None:
    full = deps(*(f"package-{n}" for n in range(200)))
    merged = imported(full, "numpy\nflask\n")
    assert summary(merged).too_many == 2
    assert has_findings(summary(merged))


def test_the_same_version_is_skipped_and_counted() -> None:
    merged = imported(deps("numpy>=1,<2", "flask"), "NumPy<2.0,>=1.0\nflask\n")
    assert [one.reason for one in merged.outcomes if isinstance(one, Skipped)] == [SkipReason.SAME_VERSION] * 2
    assert resolve(merged) == deps("numpy>=1,<2", "flask")
    assert not has_findings(summary(merged))


def test_an_extra_that_the_same_version_lacks_is_mentioned() -> None:
    (outcome,) = imported(deps("uvicorn[b]==1"), "uvicorn[standard,b]==1").outcomes
    assert isinstance(outcome, Skipped)
    assert outcome.reason is SkipReason.OTHER_EXTRAS
    assert outcome.why == 'same version: the list has "uvicorn[b]==1" already; it stays without the extra standard'


@pytest.mark.parametrize("incoming", ["numpy==2", "numpy", "numpy @ https://h/numpy-1-py3-none-any.whl"])
def test_another_version_is_a_conflict(incoming: str) -> None:
    merged = imported(deps("numpy==1"), f"# header\n{incoming}")
    (conflict,) = merged.conflicts
    assert (conflict.number, texts((conflict.existing, conflict.incoming))) == (2, ["numpy==1", incoming])
    assert conflict.why == f'The list has "numpy==1", the file asks for "{incoming}".'
    assert has_findings(summary(merged))


def test_within_a_batch_the_first_wins() -> None:
    merged = imported((), "numpy==1\nNUMPY==2\nnumpy==1\n")
    kept, *repeated = merged.outcomes
    assert isinstance(kept, Kept)
    assert [one.reason for one in repeated if isinstance(one, Skipped)] == [SkipReason.REPEATED] * 2
    assert texts(merged.added) == ["numpy==1"]


def test_a_line_that_is_not_needed_is_no_first_one() -> None:
    merged = imported((), "numpy==1; python_version < '3.11'\nnumpy==2; python_version >= '3.11'\n")
    assert texts(merged.added) == ["numpy==2"]


def test_conflicts_are_settled_one_by_one_or_all_at_once() -> None:
    merged = imported(deps("a==1", "b==1", "c==1"), "b==2\na==2\nd==2\n")
    assert texts(resolve(merged)) == ["a==1", "b==1", "c==1", "d==2"]
    assert texts(resolve(merged, Resolution.KEEP)) == ["a==1", "b==1", "c==1", "d==2"]
    assert texts(resolve(merged, Resolution.USE)) == ["a==2", "b==2", "c==1", "d==2"]
    assert texts(resolve(merged, {"b": Resolution.USE})) == ["a==1", "b==2", "c==1", "d==2"]


entries = st.lists(
    st.builds("{}{}".format, st.sampled_from("abcdefg"), st.sampled_from(["", "==1", ">=1,<2", "[x]==1"])),
    unique_by=lambda text: text[0],
    max_size=7,
).map(lambda chosen: deps(*chosen))
batches = st.lists(
    st.builds("{}{}".format, st.sampled_from("abcdefgH"), st.sampled_from(["", "==1", "<2.0,>=1.0", "==", " # x"])),
    max_size=10,
).map("\n".join)
choices = st.one_of(
    st.sampled_from(list(Resolution)), st.dictionaries(st.sampled_from("abcdefg"), st.sampled_from(list(Resolution)))
)


@given(entries, batches, choices)
def test_merging_is_idempotent(
    existing: tuple[Dependency, ...], text: str, chosen: Resolution | dict[str, Resolution]
) -> None:
    once = resolve(imported(existing, text), chosen)
    again = imported(once, text)
    assert not again.added
    assert resolve(again, chosen) == once
    if chosen is Resolution.USE:
        assert not again.conflicts


@given(entries, batches)
def test_a_merged_list_has_each_name_once_and_loses_none(existing: tuple[Dependency, ...], text: str) -> None:
    merged = imported(existing, text)
    names = [one.normalized_name for one in resolve(merged)]
    assert len(names) == len(set(names))
    assert names[: len(existing)] == [one.normalized_name for one in existing]
    counts = summary(merged)
    lines = len(text.split("\n")) - text.endswith("\n") if text else 0
    assert counts.kept + counts.skipped + counts.conflicts + counts.errors == lines


def test_the_report_names_every_line() -> None:
    merged = imported(deps("a==1"), "a==2\nb[x]>=1.0.0,<2.0.0\nc==\n-r x\n")
    told = report(merged, "3.12").model_dump(mode="json")
    assert [line["outcome"] for line in told["lines"]] == ["conflict", "kept", "error", "skipped"]
    assert told["lines"][0]["existing"]["requirement"] == "a==1"
    assert told["lines"][1]["dependency"] == {
        "requirement": "b[x]>=1.0.0,<2.0.0",
        "name": "b",
        "extras": ["x"],
        "version_spec": ">=1.0.0,<2.0.0",
        "version_mode": "major-range",
        "url": None,
    }
    assert told["lines"][2]["code"] == "VersionMalformed"
    assert told["summary"] == {"kept": 1, "skipped": 1, "conflicts": 1, "errors": 1, "too_many": 0}
    assert isinstance(merged.conflicts[0], Conflict)
