"""Sets that can't be resolved, on a local index, with real uv: the true culprits are named, all of them, and no others."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dagy_builder.contract import BuildRequest, Fault, StepOutcome
from dagy_builder.requirement import parse_requirements
from dagy_builder.steps import pipeline
from tests.fakes.index import Index, serve
from tests.fakes.unsatisfiable_sets import CASES, CORPUS_INDEX, Case


@pytest.fixture(scope="module")
def world() -> Iterator[Index]:
    with serve(*CORPUS_INDEX) as index:
        index.speaks_json = True
        yield index


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "corpus-cache"))


def _resolve(index: Index, requirements: list[str]) -> StepOutcome:
    return pipeline.resolve(BuildRequest("3.12", index_url=index.url, requirements=requirements), lambda _: None)


def _normalized(requirements: str) -> list[str]:
    """As the operator hands them over."""
    return [str(asked.requirement) for asked in parse_requirements(requirements.split(" | "))]


def _ids(case: Case) -> str:
    return case.requirements[:60]


def test_there_are_enough() -> None:
    assert len(CASES) >= 25
    assert len({case.requirements for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=_ids)
def test_the_true_culprits_are_named(world: Index, case: Case) -> None:
    asked = _normalized(case.requirements)
    outcome = _resolve(world, asked)
    problems = outcome.problems or []
    told = "\n".join(problem["message"] for problem in problems)
    assert (outcome.ok, outcome.fault) == (False, Fault.USER), told
    assert (
        case.reason in {outcome.reason, *([outcome.reason] if len(case.problems) > 1 else [])} or len(case.problems) > 1
    )
    assert len(problems) == len(case.problems), told
    for words in case.problems:
        assert any(all(word in problem["message"] for word in words) for problem in problems), (words, told)
    for innocent in case.innocent.split(" | "):
        assert innocent not in [problem["requirement"] for problem in problems], told
    for problem in problems:
        assert problem["requirement"] in asked
        assert problem["message"] == f"{problem['why']} {problem['hint']}"
        assert problem["wanted"]
        assert problem["hint"][0].isupper()
        assert problem["hint"].endswith(".")
        for fix in problem.get("fixes", []):
            assert fix["requirement"] in asked
            assert parse_requirements([fix["replacement"]])[0].text.partition("[")[0] in problem["hint"]


@pytest.mark.parametrize("innocent", sorted({case.innocent for case in CASES}))
def test_what_is_not_named_can_be_resolved(world: Index, innocent: str) -> None:
    """The rows themselves are true: nothing else is wrong."""
    assert _resolve(world, _normalized(innocent)).ok


def test_what_is_said_to_have_been_tried_works(world: Index) -> None:
    outcome = _resolve(world, _normalized("admin | web==1.0 | fine"))
    assert outcome.problems
    advice = outcome.problems[0]["hint"]
    assert advice == "Ask for web>=3.0,<3.1 instead of web==1.0: that was tried, and all else can stay."
    (fix,) = outcome.problems[0]["fixes"]
    assert (fix["requirement"], fix["replacement"], fix["tried"]) == ("web==1.0", "web>=3.0,<3.1", True)
    assert _resolve(world, _normalized("admin | web>=3.0,<3.1 | fine")).ok


def test_the_answer_is_the_same_from_pages_in_html(world: Index) -> None:
    asked = _normalized("old-binary==1.0 | recalled>=2 | desktop | future")
    in_json = _resolve(world, asked)
    world.speaks_json = False
    try:
        in_html = _resolve(world, asked)
    finally:
        world.speaks_json = True
    assert in_json.problems == in_html.problems


NOTHING_OF_THE_KIND = ("0.3.dev5", "moved-to-source>=1.0,<1.1 (")


def test_no_step_back_and_no_pre_release_is_proposed(world: Index) -> None:
    for asked in ("never-again==0.9", "moved-to-source>=2"):
        (problem,) = _resolve(world, [asked]).problems or []
        assert not any(words in problem["message"] for words in NOTHING_OF_THE_KIND), problem["message"]
