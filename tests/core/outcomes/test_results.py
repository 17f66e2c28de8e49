"""The lock out of a validation's log: of any size, whole, and the one that the step named."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from dagy.core.common.failure import Failure
from dagy.core.outcomes.facts import ContainerFact, JobFact, PodFact
from dagy.core.outcomes.logs import LineFilter, LogReader, StepLog, without_result
from dagy.core.outcomes.results import FoundLock, lock_in, rejection_in
from dagy.core.outcomes.step_outcomes import Complete, Incomplete
from dagy.model.status import JobKind
from dagy_builder.contract import Fault, Step, StepOutcome
from dagy_builder.steps.outcome import clipped
from tests.locks import lock_of, log_with, resolved

UID = "uid-of-the-pod"
LOCK = lock_of(1_000)


def validation(outcome: StepOutcome) -> JobFact:
    container = ContainerFact(Step.RESOLVE, exit_code=0, message=clipped(outcome))
    pod = PodFact("p", "Succeeded", uid=UID, containers=(container,))
    return JobFact("j", "u", JobKind.VALIDATE, "abc", 1, "2026-11-21T12:00:00Z", pod=pod)


def read(log: str, pieces: int = 30_000) -> StepLog:
    reader, data = LogReader(UID, Step.RESOLVE), log.encode()
    for start in range(0, len(data), pieces):
        reader.feed(data[start : start + pieces])
    return reader.end()


@pytest.mark.parametrize("distributions", [1, 88, 1_000, 3_000])
def test_a_lock_of_any_size(distributions: int) -> None:
    lock = lock_of(distributions)
    outcome = resolved(lock, warnings=["one", 7, "a\nb"])
    found = lock_in(validation(outcome), read(log_with(outcome, UID)).result)
    assert isinstance(found, FoundLock)
    assert (found.text, found.warnings) == (lock, ("one", "a b"))


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        (0.3, 1.0, "of its 21 parts the log lacks 1 to"),
        (0.0, 0.5, "of its 21 parts the log lacks"),
        (1.0, 1.0, "the log has none of its parts"),
    ],
    ids=["rotated", "cut", "empty"],
)
def test_a_log_that_lost_something_is_the_infrastructures_fault(first: float, last: float, why: str) -> None:
    outcome = resolved(LOCK)
    log = log_with(outcome, UID)
    failure = lock_in(validation(outcome), read(log[int(first * len(log)) : int(last * len(log))]).result)
    assert isinstance(failure, Failure)
    assert (failure.reason, failure.fault) == ("ResultIncomplete", Fault.INFRASTRUCTURE)
    assert why in failure.message


def test_a_lock_that_package_code_wrote_into_the_log_is_not_the_one_that_the_step_named() -> None:
    """Package code can read the nonce; what it prints counts only while the step itself has printed nothing."""
    ours, theirs = resolved(LOCK), resolved(lock_of(3))
    both = log_with(theirs, UID) + log_with(ours, UID)
    found = lock_in(validation(ours), read(both).result)
    assert isinstance(found, FoundLock)
    assert found.text == LOCK
    failure = lock_in(validation(ours), read(log_with(theirs, UID)).result)
    assert isinstance(failure, Failure)
    assert "another one than the step named" in failure.message


@pytest.mark.parametrize("lock", [None, 7, "", "%%%", base64.b64encode(b"no gzip").decode(), "Zm9v"])
def test_what_is_no_lock(lock: object) -> None:
    outcome = StepOutcome(Step.RESOLVE, ok=True, result={"lock": lock})
    assert isinstance(lock_in(validation(outcome), Complete(outcome)), Failure)
    assert isinstance(lock_in(validation(outcome), Complete(replace(outcome, result=None))), Failure)


def test_a_termination_message_always_names_the_lock() -> None:
    outcome = resolved(LOCK, warnings=["x" * 900] * 50)
    told = clipped(outcome)
    assert len(told) <= 4096
    assert (outcome.result or {})["lockHash"] in told


def test_a_rejection_is_told_whole() -> None:
    problems = [{"message": f"Nothing has distribution-{number}."} for number in range(150)]
    outcome = StepOutcome(
        Step.RESOLVE, ok=False, reason="PackageNotFound", message="m", fault="User", problems=problems
    )
    failure = rejection_in(read(log_with(outcome, UID)).result)
    assert failure
    assert len(failure.problems) == 150
    assert rejection_in(Incomplete("why")) is None
    assert rejection_in(Complete(resolved(LOCK))) is None


def test_a_log_is_shown_without_its_result() -> None:
    log = log_with(resolved(LOCK), UID)
    assert without_result(read(log).text) == "resolve: started"
    shown, filter_ = b"", LineFilter()
    for start in range(0, len(log), 1_000):
        filter_, part = filter_.feed(log[start : start + 1_000].encode())
        shown += part
    assert shown + filter_.end() == b"resolve: started\n"


def test_of_a_long_log_the_end_is_kept() -> None:
    outcome = resolved(LOCK)
    log = read("x" * 99 + "\n" + ("y" * 99 + "\n") * 400_000 + log_with(outcome, UID))
    assert isinstance(log.result, Complete)
    assert len(log.text) < 21_000_000
    assert log.text.startswith("(")
    assert "bytes before this are left out" in log.text[:60]
