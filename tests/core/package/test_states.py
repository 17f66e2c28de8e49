"""The state machine, as a table of situations."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dagy.core.common.failure import Failure
from dagy.core.common.reasons import StateReason
from dagy.core.package import states
from dagy.core.package.decide import decide
from dagy.core.package.observed import Observed
from dagy.core.package.records import Record
from dagy.core.package.states import build_hash, state_of, validation_hash
from dagy.core.package.status import StatusContext, status_of
from dagy.core.package.status_cache import Look, resolution_in
from dagy.model.status import DepPackageStatus, JobKind
from dagy_builder.contract import Fault, Step
from tests.fakes.built import artifact
from tests.fakes.facts import INFRA, LOCK, OTHER, PLAN, SLUG, START, USER, job, outcome, plan

VALIDATION = validation_hash(PLAN, states.Tokens())
BUILD = build_hash(PLAN, LOCK.lock_hash, states.Tokens())
ALLOWED = plan(sourceDistributions="Allow")
DONE = Record(artifact(LOCK.lock_hash))

SITUATIONS = [
    ("a new package is validated", plan(), Observed(SLUG), states.ToValidate),
    ("a malformed list is invalid without any Job", plan(dependencies=["==1"]), Observed(SLUG), states.Invalid),
    ("a suspended package rests", plan(suspend=True), Observed(SLUG), states.Suspended),
    ("Manual only saves", plan(buildPolicy="Manual"), Observed(SLUG), states.Saved),
    (
        "Manual validates on request",
        plan(buildPolicy="Manual", annotations={"dagy.io/validate": "1"}),
        Observed(SLUG),
        states.ToValidate,
    ),
    (
        "a request that was handled starts nothing",
        plan(buildPolicy="Manual", annotations={"dagy.io/validate": "1"}),
        Observed(SLUG, handled=states.Tokens(validate="1")),
        states.Saved,
    ),
    (
        "a validation runs",
        PLAN,
        Observed(SLUG, jobs=(job(JobKind.VALIDATE, VALIDATION),)),
        states.Validating,
    ),
    (
        "a suspended package's validation is finished",
        plan(suspend=True),
        Observed(SLUG, jobs=(job(JobKind.VALIDATE, VALIDATION),)),
        states.Validating,
    ),
    (
        "a validation ended well",
        PLAN,
        Observed(SLUG, jobs=(job(JobKind.VALIDATE, VALIDATION, done=1),)),
        states.Validated,
    ),
    (
        "a validation found a user's fault",
        PLAN,
        Observed(SLUG, jobs=(job(JobKind.VALIDATE, VALIDATION, failure=USER),)),
        states.Invalid,
    ),
    (
        "an index that is away is not the user's fault",
        PLAN,
        Observed(SLUG, jobs=(job(JobKind.VALIDATE, VALIDATION, failure=INFRA),)),
        states.Retrying,
    ),
    (
        "retries end",
        PLAN,
        Observed(SLUG, jobs=(job(JobKind.VALIDATE, VALIDATION, failure=INFRA, attempt=4),)),
        states.Failed,
    ),
    (
        "an old spec's Job says nothing",
        PLAN,
        Observed(SLUG, jobs=(job(JobKind.VALIDATE, "0" * 16, failure=USER),)),
        states.ToValidate,
    ),
    ("a lock leads to a build", PLAN, Observed(SLUG, resolution=LOCK), states.ToBuild),
    ("Manual stops at the lock", plan(buildPolicy="Manual"), Observed(SLUG, resolution=LOCK), states.Valid),
    (
        "a build runs",
        PLAN,
        Observed(SLUG, resolution=LOCK, jobs=(job(JobKind.BUILD, BUILD, done=1),)),
        states.Building,
    ),
    (
        "a build ended well",
        PLAN,
        Observed(SLUG, resolution=LOCK, jobs=(job(JobKind.BUILD, BUILD, done=3),)),
        states.Built,
    ),
    (
        "a build failed by the user's fault",
        PLAN,
        Observed(
            SLUG,
            resolution=LOCK,
            jobs=(job(JobKind.BUILD, BUILD, failure=outcome(Step.INSTALL, reason="HashMismatch")),),
        ),
        states.Failed,
    ),
    ("the artifact is there", PLAN, Observed(SLUG, resolution=LOCK, record=DONE), states.Completed),
    (
        "the artifact is there and a suspended package stays complete",
        plan(suspend=True),
        Observed(SLUG, resolution=LOCK, record=DONE),
        states.Completed,
    ),
    ("another package has the artifact", PLAN, Observed(SLUG, resolution=LOCK, sources=(OTHER,)), states.Reusable),
    (
        "what package code made is not taken over",
        ALLOWED,
        Observed(SLUG, resolution=replace(LOCK, spec_hash=ALLOWED.spec_hash), sources=(OTHER,)),
        states.ToBuild,
    ),
    (
        "a build that is asked for is a build",
        plan(annotations={"dagy.io/build": "1"}),
        Observed(SLUG, resolution=LOCK, sources=(OTHER,)),
        states.ToBuild,
    ),
    (
        "a suspended package copies nothing",
        plan(suspend=True),
        Observed(SLUG, resolution=LOCK, sources=(OTHER,)),
        states.Suspended,
    ),
    (
        "a rebuild is asked for",
        plan(annotations={"dagy.io/build": "1"}),
        Observed(SLUG, resolution=LOCK, record=DONE),
        states.ToBuild,
    ),
    (
        "a rebuild was done, says the record, though status was erased",
        plan(annotations={"dagy.io/build": "1"}),
        Observed(SLUG, resolution=LOCK, record=replace(DONE, build_token="1")),
        states.Completed,
    ),
    (
        "a new resolution is asked for",
        plan(annotations={"dagy.io/refresh": "1"}),
        Observed(SLUG, resolution=LOCK, record=DONE),
        states.ToValidate,
    ),
    (
        "a cancelled build stays failed",
        PLAN,
        Observed(SLUG, resolution=LOCK, jobs=(replace(job(JobKind.BUILD, BUILD), cancelled=True),)),
        states.Failed,
    ),
    (
        "S3 is away",
        PLAN,
        Observed(SLUG, blocked=states.Failure("StorageUnreachable", "away", Fault.INFRASTRUCTURE)),
        states.Blocked,
    ),
    (
        "S3 refuses",
        PLAN,
        Observed(SLUG, blocked=states.Failure("BucketNotFound", "no such bucket", Fault.ADMINISTRATOR)),
        states.Blocked,
    ),
]


@pytest.mark.parametrize(("plan", "seen", "expected"), [s[1:] for s in SITUATIONS], ids=[s[0] for s in SITUATIONS])
def test_situations(plan: states.BuildPlan, seen: Observed, expected: type) -> None:
    assert type(state_of(plan, seen, START)) is expected


def test_a_retry_becomes_due() -> None:
    seen = Observed(SLUG, jobs=(job(JobKind.VALIDATE, VALIDATION, failure=INFRA),))
    retrying = state_of(PLAN, seen, START)
    assert isinstance(retrying, states.Retrying)
    assert timedelta(seconds=5) <= retrying.at - START <= timedelta(seconds=7)
    assert state_of(PLAN, seen, retrying.at) == states.ToValidate(VALIDATION, attempt=2)


def test_refused_index_settings_stop_what_would_start_and_nothing_else() -> None:
    refused = Failure(StateReason.INDEX_SECRET_UNUSABLE, "There is no Secret a. Create it.", Fault.USER)
    new = Observed(SLUG, index_refused=refused)
    assert state_of(PLAN, new, START) == states.Blocked(refused, states.ToValidate(VALIDATION, 1))
    running = job(JobKind.VALIDATE, VALIDATION)
    assert isinstance(state_of(PLAN, replace(new, jobs=(running,)), START), states.Validating)
    waiting = state_of(PLAN, replace(new, jobs=(job(JobKind.VALIDATE, VALIDATION, started=False),)), START)
    assert isinstance(waiting, states.Validating)
    assert waiting.progress.waiting == "There is no Secret a. Create it"
    assert isinstance(state_of(plan(suspend=True), new, START), states.Suspended)


def test_what_could_not_be_asked_is_not_remembered_as_known() -> None:
    seen = Observed(SLUG, blocked=states.Failure("BucketNotFound", "no such bucket.", Fault.ADMINISTRATOR))
    before = DepPackageStatus(spec_hash="an earlier one", lock_hash="2" * 64)
    after = status_of(PLAN, seen, state_of(PLAN, seen, START), StatusContext(START, before))
    assert after.phase == "PENDING"
    assert resolution_in(after, PLAN) is Look.UNKNOWN
    assert (after.spec_hash, after.lock_hash) == (before.spec_hash, before.lock_hash), "what was known stays known"


def test_while_s3_is_away_no_job_goes() -> None:
    """Which of them are of use can't be judged, and a validation that has ended may hold the only copy of its lock."""
    away = Failure("StorageUnreachable", "S3 does not answer.", Fault.INFRASTRUCTURE)
    ended = job(JobKind.VALIDATE, VALIDATION, done=1)
    building = job(JobKind.BUILD, BUILD)
    seen = Observed(SLUG, jobs=(ended, building, job(JobKind.BUILD, "of an earlier spec")), blocked=away)
    assert decide(PLAN, seen, state_of(PLAN, seen, START)) == ()
