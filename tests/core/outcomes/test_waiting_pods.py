"""A Job whose pod does not start has an end, with the real cause, and it frees its slot."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dagy.core.common.failure import Failure
from dagy.core.outcomes.diagnosis import Progress, standing_of
from dagy.core.outcomes.facts import JobFact, jobs_of
from dagy.core.outcomes.slots import occupied_slots
from dagy.core.outcomes.waiting_pods import lacks_pod, with_end
from dagy.core.package.decide import KeepLog, decide
from dagy.core.package.plan import BuildPlan
from dagy.core.package.states import Failed, Observed, Retrying, state_of, validation_hash
from dagy_builder.contract import Fault, Step
from tests.fakes.facts import SLUG, plan
from tests.fakes.reported import running, waiting

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BIG = {"resources": {"requests": {"cpu": "900"}}}
# Words of Kubernetes 1.36.
TOO_LARGE = (
    "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: "
    "1 Preemption is not helpful for scheduling."
)
FULL = (
    "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: "
    "1 Insufficient cpu."
)
NO_PREEMPTION = "0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never."
QUOTA = 'pods "x" is forbidden: exceeded quota: q, requested: requests.cpu=900, used: requests.cpu=0, limited: requests.cpu=8'
NO_PODS = 'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: pods=0'
RANGE = 'pods "x" is forbidden: maximum cpu usage per Container is 2, but request is 900'


def job(
    statuses: list[dict[str, Any]] | None, asked: BuildPlan, *, suspended: bool = False, **pod: Any
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A validation's Job of that package since START, and its pods."""
    labels = {
        "dagy.io/job": "validate",
        "dagy.io/attempt": "1",
        "dagy.io/input-hash": validation_hash(asked, Observed(SLUG).handled),
    }
    metadata = {"name": "j", "uid": "u", "labels": labels, "creationTimestamp": "2026-11-21T12:00:00Z"}
    status = {"phase": "Pending", "containerStatuses": statuses, **pod}
    its = {"metadata": {**metadata, "name": "p", "labels": {**labels, "job-name": "j"}}, "status": status}
    return {"metadata": metadata, "spec": {"suspend": suspended}}, [] if statuses is None else [its]


def after(seconds: float, fact: JobFact, asked: BuildPlan) -> JobFact:
    return with_end(fact, asked.options, 300, START + timedelta(seconds=seconds))


def fact_of(statuses: list[dict[str, Any]] | None, asked: BuildPlan, **more: Any) -> JobFact:
    made, pods = job(statuses, asked, **more)
    (fact,) = jobs_of([made], pods)
    return fact


def unscheduled(message: str) -> dict[str, Any]:
    return {"conditions": [{"type": "PodScheduled", "status": "False", "message": message}]}


@pytest.mark.parametrize(
    ("statuses", "pod", "not_created", "build", "reason", "fault", "cause"),
    [
        ([], unscheduled(TOO_LARGE), "", BIG, "PodNotScheduled", Fault.USER, "Insufficient cpu"),
        ([], unscheduled(TOO_LARGE), "", {}, "PodNotScheduled", Fault.INFRASTRUCTURE, "Insufficient cpu"),
        ([], unscheduled(FULL), "", BIG, "PodNotScheduled", Fault.INFRASTRUCTURE, "Insufficient cpu"),
        ([], unscheduled(NO_PREEMPTION), "", BIG, "PodNotScheduled", Fault.INFRASTRUCTURE, "Insufficient cpu"),
        (None, {}, QUOTA, BIG, "PodNotCreated", Fault.USER, "exceeded quota"),
        (None, {}, QUOTA, {}, "PodNotCreated", Fault.ADMINISTRATOR, "exceeded quota"),
        (None, {}, NO_PODS, BIG, "PodNotCreated", Fault.ADMINISTRATOR, "limited: pods=0"),
        (None, {}, RANGE, BIG, "PodNotCreated", Fault.USER, "maximum cpu usage"),
        (None, {}, "", {}, "PodNotCreated", Fault.ADMINISTRATOR, "gives no cause"),
        ([waiting("resolve", "ErrImagePull", "no such image")], {}, "", {}, "PodNotStarted", Fault.ADMINISTRATOR,
         "ErrImagePull: no such image"),
        ([waiting("resolve", "ContainerCreating")], {}, "", {}, "PodNotStarted", Fault.ADMINISTRATOR, "no cause"),
    ],
    ids=["too large", "too large by default", "full", "nobody knows", "quota: too large", "quota: used up", "quota: no pods",
         "limit range", "no word", "image", "volume"],
)  # fmt: skip
def test_it_ends_with_the_cause(
    statuses: list[dict[str, Any]] | None,
    pod: dict[str, Any],
    not_created: str,
    build: dict[str, Any],
    reason: str,
    fault: Fault,
    cause: str,
) -> None:
    asked = plan(build=build)
    fact = fact_of(statuses, asked, **pod)
    fact = JobFact(**{**vars(fact), "not_created": not_created})
    waits = standing_of(after(299, fact, asked))
    assert isinstance(waits, Progress)
    assert not_created in waits.waiting
    ended = after(300, fact, asked)
    failure = standing_of(ended)
    assert isinstance(failure, Failure)
    assert (failure.reason, failure.fault) == (reason, fault)
    assert cause in failure.message
    assert "within 300 s" in failure.message
    lower = fault is Fault.USER or (build == BIG and reason == "PodNotScheduled")
    assert ("Lower spec.build.resources" in failure.message) == lower
    seen = Observed(SLUG, jobs=(ended,))
    state = state_of(asked, seen, START + timedelta(seconds=300))
    assert isinstance(state, Failed if fault is Fault.USER else Retrying)
    assert decide(asked, seen, state) == (KeepLog(ended, failure),)


def test_the_next_attempt_comes_although_nothing_says_when_the_first_one_ended() -> None:
    asked = plan()
    fact = fact_of(None, asked)
    failure = standing_of(after(300, fact, asked))
    assert isinstance(failure, Failure)
    marked = JobFact(**{**vars(fact), "failure": failure, "waits_since": ""})
    times = set()
    for seconds in (301, 302, 303):
        state = state_of(
            asked, Observed(SLUG, jobs=(after(seconds, marked, asked),)), START + timedelta(seconds=seconds)
        )
        assert isinstance(state, Retrying)
        times.add(state.at)
    assert len(times) == 1, "it does not move away"


def test_a_job_that_was_ended_takes_no_slot() -> None:
    made, _ = job(None, plan())
    made["metadata"]["annotations"] = {"dagy.io/package": "team-a/ml"}
    assert occupied_slots([made], []) == ["team-a"]
    failure = Failure("PodNotCreated", "m", Fault.INFRASTRUCTURE)
    made["metadata"]["annotations"]["dagy.io/failure"] = failure.to_annotation()
    assert occupied_slots([made], []) == []


def test_a_package_with_less_time_has_less_time_to_start() -> None:
    asked = plan(build={"timeoutSeconds": 30})
    assert after(30, fact_of(None, asked), asked).overdue
    assert not after(29, fact_of(None, asked), asked).overdue


def test_what_runs_or_waits_for_somebody_elses_queue_is_left_alone() -> None:
    asked = plan()
    assert not after(9_999, fact_of([running("resolve")], asked), asked).overdue
    assert not after(9_999, fact_of(None, asked, suspended=True), asked).overdue


def test_why_there_is_no_pod_is_asked_after_the_usual_time() -> None:
    asked = plan()
    later = START + timedelta(seconds=6)
    assert lacks_pod(fact_of(None, asked), later)
    assert not lacks_pod(fact_of(None, asked), START + timedelta(seconds=1))
    assert not lacks_pod(fact_of([], asked), later)
    assert lacks_pod(fact_of(None, asked, suspended=True), later), "its queue tells"
    assert not lacks_pod(fact_of(None, asked, suspended=True), START + timedelta(seconds=1))


def test_a_job_that_its_queue_takes_back_goes_on_waiting_and_takes_no_slot() -> None:
    asked, killed = plan(), {"name": "resolve", "state": {"terminated": {"exitCode": 143}}}
    assert isinstance(standing_of(fact_of([killed], asked, phase="Failed")), Failure)
    taken = fact_of([killed], asked, suspended=True, phase="Failed")
    assert standing_of(taken) == Progress(Step.RESOLVE, "waiting to be admitted by its queue")
    told = replace(taken, not_created="couldn't assign flavors: insufficient quota")
    assert standing_of(told) == Progress(
        Step.RESOLVE, "waiting to be admitted by its queue: couldn't assign flavors: insufficient quota"
    )
    made, _ = job(None, asked, suspended=True)
    made["metadata"]["annotations"] = {"dagy.io/package": "team-a/ml"}
    assert occupied_slots([made], []) == []
