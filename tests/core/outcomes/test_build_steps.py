"""Steps of a build with their times, as the kubelet and the steps themselves tell them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

from dagy.core.outcomes.build_steps import build_steps
from dagy.core.outcomes.facts import ContainerFact, JobFact, PodFact
from dagy.model.status import JobKind
from dagy_builder.contract import Step, StepOutcome

NOW = datetime(2026, 11, 21, 12, 5, tzinfo=UTC)


def at(second: int) -> str:
    return f"2026-11-21T12:00:{second:02}Z"


def ended(step: Step, end: int, seconds: float, code: int = 0) -> ContainerFact:
    told = json.dumps({"step": str(step), "ok": code == 0, "seconds": seconds})
    return ContainerFact(step, exit_code=code, message=told, started_at=at(1), ended_at=at(end))


def job(*containers: ContainerFact) -> JobFact:
    pod = PodFact("p", "Running", containers=containers)
    return JobFact("j", "u", JobKind.BUILD, "h", 1, at(0), pod=pod)


RUNNING = [ContainerFact(step, running=True, started_at=at(1)) for step in (Step.INSTALL, Step.PACKAGE, Step.UPLOAD)]


def test_a_step_begins_when_the_one_before_it_has_ended() -> None:
    assert [one.name for one in build_steps(job(*RUNNING), (), NOW)] == ["install"]
    install, package = build_steps(job(ended(Step.INSTALL, 9, 7.25), *RUNNING[1:]), (), NOW)
    assert (install.started_at, install.ended_at, install.seconds, install.exit_code) == (at(1), at(9), 7.25, 0)
    assert (package.started_at, package.ended_at, package.seconds, package.exit_code) == (at(9), None, None, None)


def test_what_has_ended_stays_as_it_was_told() -> None:
    last = replace(RUNNING[2], running=False, exit_code=0, outcome=StepOutcome("upload", ok=True, seconds=0.5))
    told = build_steps(job(ended(Step.INSTALL, 9, 7), ended(Step.PACKAGE, 10, 1), last), (), NOW)
    assert (told[2].started_at, told[2].ended_at, told[2].seconds) == (at(10), "2026-11-21T12:05:00Z", 0.5)
    late = job(ended(Step.INSTALL, 9, 7), ended(Step.PACKAGE, 10, 1), ended(Step.UPLOAD, 12, 0.5))
    assert build_steps(late, told, NOW.replace(minute=9)) == told
    assert build_steps(replace(late, pod=None), told, NOW) == told, "the pod is gone"


def test_a_step_that_failed_is_the_last() -> None:
    (install,) = build_steps(job(ended(Step.INSTALL, 9, 7, code=65)), (), NOW)
    assert install.exit_code == 65
    assert build_steps(job(ContainerFact(Step.INSTALL, reason="ContainerCreating")), (), NOW) == []
    assert build_steps(replace(job(), pod=None), (), NOW) == []
