"""The state machine, as a table of situations and as a world that is run to its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagy.core import states
from dagy.core.facts import JobKind
from dagy.core.failure import Failure
from dagy.core.reasons import StateReason
from dagy.core.remembered import Look, resolution_in
from dagy.core.reuse import Source
from dagy.core.states import Observed, Resolution, build_hash, state_of, validation_hash
from dagy.core.status import Surroundings, status_of
from dagy.model.status import DepPackageStatus
from dagy_builder.contract import Fault, Step
from tests.core.worlds import SLUG, START, World, artifact, job, outcome, package, plan, settled

PLAN = plan()
VALIDATION = validation_hash(PLAN, states.Tokens())
LOCK = Resolution(PLAN.spec_hash, "1" * 64)
BUILD = build_hash(PLAN, LOCK.lock_hash, states.Tokens())
INFRA = outcome(Step.RESOLVE, reason="IndexUnreachable", fault=Fault.INFRASTRUCTURE)
USER = outcome(Step.RESOLVE, reason="PackageNotFound")
OTHER = Source("other", "B1B2C3D4")
ALLOWED = plan(sourceDistributions="Allow")
DONE = states.Record(artifact(LOCK.lock_hash))

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
        Observed(SLUG, blocked=states.Failure("BucketNotFound", "no such bucket", Fault.USER)),
        states.Failed,
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


def test_a_package_from_apply_to_completed() -> None:
    world = World(package())
    assert isinstance(world.run(), states.Completed)
    assert world.phases == ["PENDING", "VALIDATING", "QUEUED", "INSTALLING", "PACKAGING", "UPLOADING", "COMPLETED"]
    assert len(world.started) == 2
    assert world.jobs == {}


def test_an_artifact_of_the_same_lock_is_taken_over() -> None:
    world = World(package(), others=[OTHER])
    assert isinstance(world.run(), states.Completed)
    assert [name.partition("-")[0] for name in world.started] == ["validate"]
    assert world.phases == ["PENDING", "VALIDATING", "UPLOADING", "COMPLETED"]
    assert world.status.build
    assert world.status.build.reused_from
    assert world.status.build.reused_from.to_json() == {"namespace": "team-a", "name": "other", "slug": OTHER.slug}
    before, world.status = world.status, type(world.status)()
    world.look()
    assert world.status.build
    assert world.status.build.reused_from == before.build.reused_from
    world.package["metadata"]["annotations"]["dagy.io/build"] = "really"
    assert isinstance(world.run(), states.Completed)
    assert [name.partition("-")[0] for name in world.started] == ["validate", "build"]
    assert world.status.build.reused_from is None


def test_sources_that_are_gone_are_passed_over() -> None:
    world = World(package(), others=[Source("a", "A1A1A1A1"), Source("b", "B1B1B1B1"), OTHER], gone=2)
    assert isinstance(world.run(), states.Completed)
    assert world.status.build
    assert world.status.build.reused_from
    assert world.status.build.reused_from.name == "other"
    world = World(package(), others=[OTHER], gone=1)
    assert isinstance(world.run(), states.Completed)
    assert [name.partition("-")[0] for name in world.started] == ["validate", "build"]


def test_cancel_before_the_copy_lasts() -> None:
    world = World(package(annotations={"dagy.io/cancel": "now"}))
    world.resolutions[PLAN.spec_hash] = LOCK
    world.others = [OTHER]
    assert isinstance(world.run(), states.Failed)
    world.look()
    assert not world.records


def test_each_failed_attempt_is_told_with_its_log() -> None:
    world = World(package())
    killed = outcome(Step.INSTALL, reason="IndexUnreachable", fault=Fault.INFRASTRUCTURE)
    assert isinstance(world.run(INFRA, None, killed), states.Completed)
    assert world.status.build
    told = [(a.job, a.number, a.reason, bool(a.log_uri)) for a in world.status.build.attempts]
    assert told == [("validate", 1, "IndexUnreachable", True), ("build", 1, "IndexUnreachable", True)]


def test_the_end_of_an_attempt_stays_known_when_its_pod_is_gone() -> None:
    world = World(package())
    world.look()
    world.advance(INFRA)
    world.look()
    (name,) = world.jobs
    world.jobs[name] = replace(world.jobs[name], pod=None, finished="Failed")
    world.look()
    assert world.status.message.startswith("IndexUnreachable happened.")


def test_an_attempt_that_ended_unseen_has_its_log_kept_before_the_next() -> None:
    world = World(package())
    world.look()
    world.advance(INFRA)
    world.now += timedelta(hours=1)
    world.look()
    assert len(world.started) == 2
    assert world.jobs[world.started[0]].log_uri


def test_every_phase_is_shown_when_the_kubelet_reports_a_build_at_once() -> None:
    world = World(package())
    world.look()
    world.advance()  # validated
    world.look()
    for _ in STEPS_OF_A_BUILD:
        world.advance()
    world.look()
    assert world.phases[2:] == ["QUEUED", "INSTALLING", "PACKAGING", "UPLOADING", "COMPLETED"]


STEPS_OF_A_BUILD = range(3)


def test_infrastructure_is_retried_with_bounds_and_the_user_is_not() -> None:
    world = World(package())
    assert isinstance(world.run(INFRA, INFRA, INFRA, INFRA), states.Failed)
    assert len(world.started) == 4
    world = World(package())
    assert isinstance(world.run(USER), states.Invalid)
    assert len(world.started) == 1


def test_a_corrected_list_completes_and_the_other_does_not_come_back() -> None:
    world = World(package())
    world.run(USER)
    world.package["spec"]["dependencies"] = ["pandas"]
    assert isinstance(world.run(), states.Completed)
    assert not world.jobs


def test_a_malformed_list_is_corrected() -> None:
    world = World(package(dependencies=["pandas", "requests=>2"]))
    assert isinstance(world.run(), states.Invalid)
    world.package["spec"]["dependencies"] = ["pandas"]
    assert isinstance(world.run(), states.Completed)


def test_another_compression_is_built_from_the_same_lock_and_the_way_back_is_free() -> None:
    world = World(package())
    world.run()
    world.phases.clear()
    world.package["spec"]["build"] = {"compression": "small"}
    assert isinstance(world.run(), states.Completed)
    assert "VALIDATING" not in world.phases
    assert len(world.started) == 3
    assert world.status.artifact
    assert world.status.artifact.compression == "small"
    del world.package["spec"]["build"]
    assert isinstance(world.run(), states.Completed)
    assert len(world.started) == 3
    assert world.status.artifact.compression == "fast"


def test_a_failing_new_spec_keeps_the_last_good_artifact() -> None:
    world = World(package())
    world.run()
    good = world.status.s3_uri
    world.package["spec"]["dependencies"] = ["pandas", "nonsense"]
    assert isinstance(world.run(USER), states.Invalid)
    assert world.status.s3_uri == good
    assert world.status.artifact


@pytest.mark.parametrize(
    "change",
    [
        {"description": "other words"},
        {"dependencies": ["requests", "pandas>=2"]},
        {"dependencies": ["Requests", "PANDAS >= 2"]},
        {"dependencies": ["requests==1", "pandas>=2", "requests"]},
        {"deletionPolicy": "Retain"},
    ],
)
def test_what_decides_nothing_starts_nothing(change: dict[str, object]) -> None:
    world = World(package())
    world.run()
    started, artifact = list(world.started), world.status.artifact
    world.package["spec"].update(change)
    world.package["metadata"]["generation"] += 1
    world.look()
    assert world.started == started
    assert world.status.artifact == artifact


def test_what_could_not_be_asked_is_not_remembered_as_known() -> None:
    seen = Observed(SLUG, blocked=states.Failure("BucketNotFound", "no such bucket", Fault.USER))
    before = DepPackageStatus()
    after = status_of(PLAN, seen, state_of(PLAN, seen, START), Surroundings(START, before))
    assert after.phase == "FAILED"
    assert resolution_in(after, PLAN) is Look.ASK


def test_looking_again_changes_nothing() -> None:
    world = World(package())
    world.run()
    writes, started = world.writes, list(world.started)
    for _ in range(3):
        world.now += timedelta(hours=1)
        world.look()
    assert (world.writes, world.started) == (writes, started)


@pytest.mark.parametrize("kind", [JobKind.VALIDATE, JobKind.BUILD])
def test_cancel_stops_lasts_and_yields_to_a_new_request(kind: JobKind) -> None:
    world = World(package())
    world.look()
    if kind is JobKind.BUILD:
        world.advance()
        world.look()
    world.package["metadata"]["annotations"]["dagy.io/cancel"] = "now"
    state = world.run()
    assert isinstance(state, states.Failed)
    assert state.failure.reason == "Cancelled"
    started = list(world.started)
    world.look()
    assert world.started == started
    world.package["metadata"]["annotations"]["dagy.io/build"] = "again"
    if kind is JobKind.VALIDATE:
        world.package["metadata"]["annotations"]["dagy.io/validate"] = "again"
    assert isinstance(world.run(), states.Completed)


def test_cancel_in_the_queue_lasts() -> None:
    world = World(package(), slots=False)
    world.look()
    world.slots = True
    world.package["metadata"]["annotations"]["dagy.io/cancel"] = "now"
    assert isinstance(world.run(), states.Failed)
    assert all(j.cancelled for j in world.jobs.values())


fates = st.lists(st.sampled_from([None, None, INFRA, USER, "garbage", ""]), max_size=8)


@settings(max_examples=300, deadline=None)
@given(
    fates=fates,
    change_at=st.integers(0, 5),
    erase_at=st.integers(0, 12),
    donors=st.integers(0, 2),
    gone=st.integers(0, 2),
)
def test_random_worlds_settle_and_need_nothing_more(
    fates: list[str | None], change_at: int, erase_at: int, donors: int, gone: int
) -> None:
    world = World(package(), others=[OTHER] * donors, gone=min(gone, donors))
    for step, fate in enumerate([*fates, None, None, None, None]):
        world.look()
        world.advance(fate)
        world.now += timedelta(seconds=400)
        if step == change_at:
            world.package["spec"]["dependencies"] = ["pandas>=2", "requests", f"extra{step}"]
        if step == erase_at:
            world.status = type(world.status)()
    final = world.run()
    assert settled(world)
    started = list(world.started)
    world.look()
    assert world.started == started
    if isinstance(final, states.Completed):
        # Status is a cache: without it the same artifact comes back, and no Job.
        uri, slug = world.status.s3_uri, world.status.slug
        world.status = type(world.status)()
        assert isinstance(world.look(), states.Completed)
        assert (world.status.s3_uri, world.status.slug, world.started) == (uri, slug, started)


def test_refused_index_settings_stop_what_would_start_and_nothing_else() -> None:
    refused = Failure(StateReason.INDEX_SECRET_UNUSABLE, "There is no Secret a. Create it.", Fault.USER)
    new = Observed(SLUG, index_refused=refused)
    assert state_of(PLAN, new, START) == states.Failed(refused)
    running = job(JobKind.VALIDATE, VALIDATION)
    assert isinstance(state_of(PLAN, replace(new, jobs=(running,)), START), states.Validating)
    assert isinstance(state_of(plan(suspend=True), new, START), states.Suspended)
