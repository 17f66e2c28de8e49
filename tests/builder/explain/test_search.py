"""All that is wrong is found, with uv and a local index."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from concurrent.futures import Future

import pytest

from dagy_builder.contract import BuildRequest, Fault, Reason, StepOutcome
from dagy_builder.explain.search import explain_failure
from dagy_builder.indexes.client import IndexClient
from dagy_builder.requirement import ParsedRequirement, parse_requirements
from dagy_builder.steps import pipeline
from dagy_builder.steps.resolve import Compiler
from dagy_builder.target import Target
from dagy_builder.uv.runner import open_uv
from tests.fakes.index import Authority, Index, Release, serve


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


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_an_index_with_a_fault_is_asked_again(index: Index, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    index.status = status
    outcome = _outcome(index, "beta", "nowhere-at-all")
    assert (outcome.reason, outcome.fault) == (Reason.INDEX_UNREACHABLE, Fault.INFRASTRUCTURE)
    assert str(status) in (outcome.message or "")


@pytest.mark.parametrize(("status", "reason"), [(500, "IndexUnreachable"), (403, "IndexAccessDenied")])
def test_one_page_that_fails_is_no_unknown_package(
    index: Index, status: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """beta, which alpha needs, is there; the index just doesn't tell."""
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    index.status_of["beta"] = status
    assert _outcome(index, "alpha").reason == reason


def test_an_index_that_fails_while_others_are_looked_for(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list is not called invalid before all of it was looked at."""
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    index.status_of["deep3"] = 500
    assert _outcome(index, "nowhere-at-all", "deep1").fault == Fault.INFRASTRUCTURE


def test_a_certificate_that_is_not_trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with serve(tls=authority.server) as index:
        outcome = _outcome(index, "beta")
    assert (outcome.reason, outcome.fault) == (Reason.INDEX_NOT_TRUSTED, Fault.USER)
    assert "is not trusted" in (outcome.message or "")
    assert "spec.index.caBundle" in (outcome.message or "")


def test_what_an_index_behind_an_own_authority_has(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    with serve(Release("winonly", "1.0", tag="cp312-cp312-win_amd64"), tls=authority.server) as index:
        assert "its wheels are for Windows." in (_outcome(index, "winonly").message or "")


def test_an_index_that_only_uv_can_read(index: Index) -> None:
    """Where the page can't be had, uv's words have to do, and nothing is claimed that they don't say."""
    index.releases = [release for release in index.releases if release.name == "sdistonly"]
    client: Future[IndexClient] = Future()
    client.set_result(IndexClient(["http://127.0.0.1:1/simple"]))
    with open_uv() as uv:
        request = BuildRequest("3.12", index_url=index.url)
        compiler = Compiler.of(request, Target.of(request), uv)
        compiler.__dict__["_client"] = client
        asked = parse_requirements(["sdistonly"])
        failure = explain_failure(asked, compiler.run("sdistonly\n")[0].output, compiler, compiler.target)
    assert failure.reason is Reason.NO_WHEEL
    assert "sdistonly has no wheel for Python 3.12" in failure.message
    assert "source code only" not in failure.message


def test_no_time_to_explain(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first failure is told whatever the time."""
    monkeypatch.setenv("DAGY_EXPLAIN_SECONDS", "0")
    outcome = _outcome(index, "alpha", "beta>=2", "missing1")
    assert len(outcome.problems or []) == 1
    assert (outcome.message or "").endswith(" There may be more: the time to look was over.")
    monkeypatch.setenv("DAGY_EXPLAIN_SECONDS", "soon")
    assert "DAGY_EXPLAIN_SECONDS" in (_outcome(index, "beta==9").message or "")


def test_looking_for_more_ends_at_the_deadline() -> None:
    """uv is stopped, and the index not waited for, when a server takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent, open_uv() as uv:
        request = BuildRequest("3.12", index_url=f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        compiler = Compiler.of(request, Target.of(request), uv)
        asked = parse_requirements(["beta==1"])
        started = time.monotonic()
        assert compiler.failure_without(asked, started + 0.4) is None
        assert compiler.version_within(asked[0], [], time.monotonic() + 0.4) is None
        assert compiler.newest("beta", time.monotonic() + 0.4) is None
        assert compiler.files("beta", time.monotonic() + 0.4) is None
        assert time.monotonic() - started < 10, "UV_HTTP_TIMEOUT is 30 s"


def test_many_problems_make_a_message_of_bounded_length(index: Index) -> None:
    missing = [f"there-is-no-such-package-{number}" for number in range(25)]
    outcome = _outcome(index, *missing, "beta")
    assert len(outcome.problems or []) == 25
    message = outcome.message or ""
    assert len(message) <= 1024
    assert message.startswith("25 problems: 1. there-is-no-such-package-")
    assert "perhaps more" not in message
    told = message.count(" is not in the package index")
    assert message.endswith(f". And {25 - told} more: status.validation.errors has all.")


def test_a_whole_list_of_problems_takes_no_round_each(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 requirements, the most there may be: each problem is found, and uv is asked for all that is left three times."""
    whole: list[int] = []
    asked_alone = Compiler.failure_without

    def counted(self: Compiler, requirements: Sequence[ParsedRequirement], deadline: float) -> str | None:
        whole.append(len(requirements))
        return asked_alone(self, requirements, deadline)

    monkeypatch.setattr(Compiler, "failure_without", counted)
    monkeypatch.setenv("DAGY_EXPLAIN_SECONDS", "600")
    missing = [f"there-is-no-such-package-{number}" for number in range(197)]
    outcome = _outcome(index, *missing, "beta==0.7", "alpha==1.0", "gamma==3.0")
    told = [problem["requirement"] for problem in outcome.problems or []]
    assert len(told) == 199
    assert {*missing, "beta==0.7"} < set(told)
    assert any(
        "gamma==3.0" in problem["message"] and "alpha==1.0" in problem["message"] for problem in outcome.problems or []
    )
    assert "perhaps more" not in (outcome.message or "")
    assert len([count for count in whole if count > 1]) <= 5, whole


def test_the_log_tells_what_was_resolved(index: Index) -> None:
    said: list[str] = []
    request = BuildRequest("3.12", index_url=index.url, requirements=["deep1", "alpha"])
    assert pipeline.resolve(request, said.append).ok
    names = ["alpha==1.1", "beta==1.0", "deep1==1.0", "deep2==1.0", "deep3==1.0"]
    start = said.index(names[0])
    assert said[start : start + 5] == names


def test_an_index_that_is_away_is_nobodys_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with serve() as index:
        url = index.url
    outcome = pipeline.resolve(BuildRequest("3.12", index_url=url, requirements=["beta"]), lambda _: None)
    assert (outcome.reason, outcome.fault) == (Reason.INDEX_UNREACHABLE, Fault.INFRASTRUCTURE)
    assert "refused" in (outcome.message or "")


def test_a_wheel_cannot_read_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
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
    fix = {"requirement": "beta>=2", "replacement": "beta>=1.0,<1.1", "version": "1.0", "tried": True}
    assert problem["fixes"] == [fix]


def test_nothing_is_advised_that_does_not_help(index: Index) -> None:
    (problem,) = _outcome(index, "alpha==1.1", "gamma==3.0").problems or []
    assert problem["hint"] == "Relax one of them."
    assert "fixes" not in problem
