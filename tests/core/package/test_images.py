"""An image is waited for while its pod runs, looked for once when that has ended, and never in the ZIP's way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dagy.core.common.keys import Location
from dagy.core.outcomes.facts import JobFact
from dagy.core.package import decide, states
from dagy.core.package.observed import Observed
from dagy.core.package.records import Record
from dagy.core.package.states import build_hash, state_of
from dagy.core.package.status import StatusContext, status_of
from dagy.model.status import DepPackageStatus, JobKind
from tests.fakes.built import artifact
from tests.fakes.facts import LOCK, PLAN, SLUG, START, job
from tests.fakes.homes import home

BUILD = build_hash(PLAN, LOCK.lock_hash, states.Tokens())
PENDING = artifact(LOCK.lock_hash)
PUSHED = PENDING.model_copy(update={"image": f"r.example/dagy/team-a/{SLUG.lower()}@sha256:{'a' * 64}"})
AT_WORK = job(JobKind.BUILD, BUILD, done=3)
"""Its ZIP is complete; its pod runs."""
ENDED = replace(AT_WORK, finished="Complete")


def world(record: Record, *jobs: JobFact, registry: str = "r.example/dagy") -> Observed:
    place = replace(home(SLUG), location=Location("b", "", registry))
    return Observed(SLUG, jobs=jobs, resolution=LOCK, record=record, home=place)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (world(Record(PENDING), AT_WORK), ()),
        (world(Record(PENDING), ENDED), (decide.DeleteJobs((ENDED,)), decide.ReadImage(Record(PENDING)))),
        (world(Record(PENDING)), (decide.ReadImage(Record(PENDING)),)),
        (world(Record(PUSHED), AT_WORK), (decide.DeleteJobs((AT_WORK,)),)),
        (world(Record(PUSHED)), ()),
        (world(Record(PENDING), AT_WORK, registry=""), (decide.DeleteJobs((AT_WORK,)),)),
    ],
)
def test_what_is_done_for_it(seen: Observed, expected: tuple[decide.Action, ...]) -> None:
    state = state_of(PLAN, seen, START)
    assert isinstance(state, states.Completed)
    assert decide.decide(PLAN, seen, state) == expected


def test_a_job_of_another_build_is_not_waited_for() -> None:
    other = job(JobKind.BUILD, "0" * 16, done=1)
    seen = world(Record(PENDING), other)
    assert decide.DeleteJobs((other,)) in decide.decide(PLAN, seen, state_of(PLAN, seen, START))


def test_while_another_build_runs_nothing_is_said_of_an_image_that_nobody_pushes() -> None:
    running = world(Record(PENDING), job(JobKind.BUILD, BUILD))
    seen = replace(running, record=None)
    previous = DepPackageStatus(artifact=PENDING.model_copy(update={"lock_hash": "2" * 64}), spec_hash=PLAN.spec_hash)
    status = status_of(PLAN, seen, state_of(PLAN, seen, START), StatusContext(START, previous))
    assert status.artifact
    assert "ImagePushed" not in {c.type for c in status.conditions}
    done = status_of(PLAN, running, state_of(PLAN, running, START), StatusContext(START, previous))
    assert {c.type: c.status for c in done.conditions}["ImagePushed"] == "Unknown"
