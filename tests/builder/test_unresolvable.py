"""All that is wrong is found, with uv and a local index."""

from __future__ import annotations

import pytest

from dagy_builder import pipeline
from dagy_builder.contract import BuildRequest, Fault, Reason, StepOutcome
from tests.builder.index import Index, serve


def _outcome(index: Index, *requirements: str) -> StepOutcome:
    return pipeline.resolve(BuildRequest("3.12", index_url=index.url, requirements=list(requirements)), lambda _: None)


def test_every_independent_problem_is_reported(index: Index) -> None:
    outcome = _outcome(
        index, "missing1", "missing2>=2", "beta==9", "alpha", "gamma", "newpy", "sdistonly", "winonly", "deep1", "pre"
    )
    assert outcome.problems
    told = " ".join(problem["message"] for problem in outcome.problems)
    for culprit in ("missing1", "missing2", "beta==9", "alpha", "gamma", "newpy", "sdistonly", "winonly"):
        assert culprit in told, outcome.problems
    assert "pre" not in [problem["requirement"] for problem in outcome.problems], "nothing is wrong with it"
    assert (outcome.ok, outcome.fault) == (False, Fault.USER)
    assert "No solution found" in (outcome.result or {})["raw"]


def test_what_exists_is_named(index: Index) -> None:
    (problem,) = _outcome(index, "beta==9").problems or []
    assert problem["exists"] == "2.0"
    assert "for example beta>=2.0,<2.1" in problem["hint"]


@pytest.mark.parametrize(
    ("status", "reason", "fault"), [(401, "IndexAccessDenied", "User"), (403, "IndexAccessDenied", "User")]
)
def test_an_index_that_refuses(index: Index, status: int, reason: str, fault: str) -> None:
    index.status = status
    outcome = _outcome(index, "beta")
    assert (outcome.reason, outcome.fault) == (reason, fault)
    assert index.url.rstrip("/") in (outcome.message or "")


def test_an_index_that_is_away_is_nobodys_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with serve() as index:
        url = index.url
    outcome = pipeline.resolve(BuildRequest("3.12", index_url=url, requirements=["beta"]), lambda _: None)
    assert (outcome.reason, outcome.fault) == (Reason.INDEX_UNREACHABLE, Fault.INFRASTRUCTURE)
    assert "refused" in (outcome.message or "")


def test_a_wheel_cannot_read_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.builder.index import Release

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2hunter2")
    evil = Release("evil", "1.0", ["beta @ http://127.0.0.1:1/${AWS_SECRET_ACCESS_KEY}/beta.whl"])
    with serve(evil) as index:
        outcome = _outcome(index, "evil")
    assert not outcome.ok
    assert "hunter2" not in outcome.to_text()
    assert "evil==1.0 wants beta from a URL" in (outcome.message or "")


def test_what_would_help_was_tried(index: Index) -> None:
    (problem,) = _outcome(index, "alpha", "beta>=2", "pre").problems or []
    assert problem["hint"] == "Ask for beta>=1.0,<1.1 instead of beta>=2: that was tried, and all else can stay."
    assert problem["message"].startswith("alpha and beta>=2 can't be installed together: alpha needs beta<2. Ask for")


def test_nothing_is_advised_that_does_not_help(index: Index) -> None:
    (problem,) = _outcome(index, "alpha==1.1", "gamma==3.0").problems or []
    assert problem["hint"] == "Relax one of them."
