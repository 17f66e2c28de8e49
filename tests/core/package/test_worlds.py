"""The state machine, run to its end: which phases are shown, and that nothing starts without a reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dagy.core.common.failure import Failure
from dagy.core.common.timestamp import timestamp
from dagy.core.package import states
from dagy_builder.contract import Fault, Step
from tests.fakes.facts import INFRA, OTHER, USER, outcome, package
from tests.fakes.worlds import World, settled

BROKEN = outcome(Step.RESOLVE, reason="UvMissing", fault=Fault.ADMINISTRATOR)
STEPS_OF_A_BUILD = range(3)


def test_a_package_from_apply_to_completed() -> None:
    world = World(package())
    assert isinstance(world.run(), states.Completed)
    assert world.phases == ["VALIDATING", "QUEUED", "PACKAGING", "UPLOADING", "COMPLETED"], "as the kubelet reports"
    assert len(world.started) == 2
    assert world.jobs == {}


def test_each_look_writes_once_what_is_then() -> None:
    world = World(package(), slots=False)
    world.look()
    world.slots = True
    world.look()
    world.advance()  # validated
    world.look()
    for _ in STEPS_OF_A_BUILD:
        world.advance()
    world.look()
    assert world.phases == ["PENDING", "VALIDATING", "QUEUED", "COMPLETED"]
    assert world.writes == 4
    build = world.status.build
    assert build
    assert build.job_name == world.started[-1]


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


def test_bytecode_is_chosen_and_the_way_back_is_free() -> None:
    world = World(package())
    world.run()
    assert world.status.artifact
    assert world.status.artifact.bytecode == "Include"
    for choice, started in (("Exclude", 3), ("Include", 3), ("Exclude", 3)):
        world.package["spec"]["build"] = {"bytecode": choice}
        assert isinstance(world.run(), states.Completed)
        assert world.status.artifact.bytecode == choice
        assert len(world.started) == started


def test_what_was_built_before_there_was_bytecode_stays_until_it_is_asked_for() -> None:
    world = World(package())
    world.run()
    ((identity, record),) = world.records.items()
    legacy = replace(record, artifact=record.artifact.model_copy(update={"bytecode": None}))
    world.records = {(*identity[:3], None): legacy}
    world.status = world.status.model_copy(update={"artifact": legacy.artifact})
    assert isinstance(world.run(), states.Completed)
    world.status = type(world.status)()
    assert isinstance(world.run(), states.Completed), "S3 is asked"
    world.package["spec"]["build"] = {"bytecode": "Exclude"}
    assert isinstance(world.run(), states.Completed)
    assert len(world.started) == 2, "nothing was built again"
    assert world.status.artifact
    assert world.status.artifact.bytecode is None
    world.package["spec"]["build"] = {"bytecode": "Include"}
    assert isinstance(world.run(), states.Completed)
    assert len(world.started) == 3
    assert world.status.artifact.bytecode == "Include"


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


def test_looking_again_changes_nothing() -> None:
    world = World(package())
    world.run()
    writes, started = world.writes, list(world.started)
    for _ in range(3):
        world.now += timedelta(hours=1)
        world.look()
    assert (world.writes, world.started) == (writes, started)


fates = st.lists(st.sampled_from([None, None, INFRA, USER, BROKEN, "garbage", ""]), max_size=8)
happenings = st.sampled_from(
    [
        "",
        "",
        "",
        "validate",
        "build",
        "refresh",
        "cancel",
        "change",
        "erase",
        "quota",
        "secret",
        "storage",
        "input",
        "pod",
        "zip",
    ]
)


@settings(max_examples=300, deadline=None)
@given(fates=fates, happens=st.lists(happenings, max_size=10), donors=st.integers(0, 2), gone=st.integers(0, 2))
@example(fates=[None] * 5 + [USER], happens=[""] * 5 + ["refresh", "", "validate"], donors=0, gone=0)
def test_random_worlds_settle_and_need_nothing_more(
    fates: list[str | None], happens: list[str], donors: int, gone: int
) -> None:
    world = World(package(), others=[OTHER] * donors, gone=min(gone, donors))
    for step in range(max(len(fates), len(happens)) + 4):
        _happen(world, happens[step] if step < len(happens) else "", step)
        _is_true(world, world.look())
        world.advance(fates[step] if step < len(fates) else None)
        world.now += timedelta(seconds=400)
    world.refusal = world.secret_missing = world.storage = None
    final = world.run()
    assert settled(world)
    assert world.status.last_handled_build == world.package["metadata"]["annotations"].get("dagy.io/build")
    _is_true(world, final)
    started, events = list(world.started), list(world.events)
    world.look()
    assert (world.started, world.events) == (started, events)
    if isinstance(final, states.Completed) and _every_refresh_succeeded(world):
        # Status is a cache: without it the same artifact comes back, and no Job.
        uri, slug = world.status.s3_uri, world.status.slug
        world.status = type(world.status)()
        assert isinstance(world.look(), states.Completed)
        assert (world.status.s3_uri, world.status.slug, world.started) == (uri, slug, started)


def _every_refresh_succeeded(world: World) -> bool:
    """That one failed and was given up for a build stands in status alone: without it, it is tried again."""
    return world.resolutions[world.plan.spec_hash].refresh_token == world.plan.requested.refresh


def _happen(world: World, what: str, step: int) -> None:
    """What people, administrators and the cluster do meanwhile."""
    match what:
        case "validate" | "build" | "refresh" | "cancel":
            world.package["metadata"]["annotations"][f"dagy.io/{what}"] = f"at {step}"
        case "change":
            world.package["spec"]["dependencies"] = ["pandas>=2", "requests", f"extra{step}"]
        case "erase":
            world.status = type(world.status)()
        case "quota":
            world.refusal = None if world.refusal else Failure("ApiServerRefused", "No.", Fault.INFRASTRUCTURE)
        case "secret":
            world.secret_missing = None if world.secret_missing else Failure("IndexSecretUnusable", "No.", Fault.USER)
        case "storage":
            world.storage = None if world.storage else Failure("BucketNotFound", "No.", Fault.ADMINISTRATOR)
        case "input":
            world.inputs.clear()
        case "zip" if world.status.s3_uri:
            world.deleted.add(world.status.s3_uri)
        case "pod":
            for name, job in world.jobs.items():
                ended = job.ended_at or timestamp(world.now, micro=False)
                world.jobs[name] = replace(job, pod=None, finished="Failed", ended_at=ended)


def _is_true(world: World, state: states.State) -> None:
    """What status says is what will be: settled means still, and only a verdict on the requirements is INVALID."""
    if isinstance(state, states.Lost):  # is told, and then built again
        assert world.status.s3_uri is None
        state = world.look()
    writes, events, before = world.writes, len(world.events), state
    again = world.look()
    assert type(again) is type(before), "looking twice leads nowhere else"
    assert (world.writes, len(world.events)) == (writes, events), "an unchanged cause is written and told once"
    ready = next(c.reason for c in world.status.conditions if c.type == "Ready")
    if world.status.phase == "INVALID":
        assert ready == "PackageNotFound"
    assert settled(world) == isinstance(state, STILL)
    stalled = any(c.type == "Stalled" and c.status == "True" for c in world.status.conditions)
    assert stalled == isinstance(state, states.Failed | states.Invalid)


STILL = states.Completed | states.Failed | states.Invalid | states.Suspended | states.Saved | states.Valid


@pytest.mark.parametrize("fault", [Fault.ADMINISTRATOR, Fault.INFRASTRUCTURE])
@pytest.mark.parametrize("hindrance", ["refusal", "storage", "secret_missing"])
def test_what_is_in_the_way_is_told_once_and_then_it_goes_on(hindrance: str, fault: Fault) -> None:
    world = World(package())
    setattr(world, hindrance, Failure("InTheWay", "Something is in the way.", fault))
    for _ in range(5):
        assert isinstance(world.look(), states.Blocked)
        world.now += timedelta(minutes=5)
    assert (world.writes, world.events) == (1, [("PENDING", "InTheWay")])
    assert world.status.message == "Something is in the way. It is tried again by itself."
    assert not settled(world)
    setattr(world, hindrance, None)
    assert isinstance(world.run(), states.Completed)


def test_what_is_in_the_way_keeps_the_phase_and_what_was_known() -> None:
    world = World(package())
    world.run()
    lock = world.status.lock_hash
    world.package["spec"]["dependencies"] = ["pandas"]
    world.storage = Failure("StorageUnreachable", "S3 is away.", Fault.INFRASTRUCTURE)
    world.look()
    assert world.status.lock_hash == lock
    world.storage = None
    world.package["spec"]["dependencies"] = ["pandas>=2", "requests"]
    started = list(world.started)
    assert isinstance(world.look(), states.Completed)
    assert world.started == started


def test_what_an_administrator_mends_goes_on_by_itself_and_leaves_a_bounded_trail() -> None:
    world = World(package())
    times = []
    for _ in range(80):
        world.look()
        if world.jobs and any(job.live for job in world.jobs.values()):
            times.append(world.now)
            world.advance(BROKEN)
            world.look()
        assert not settled(world)
        world.now += timedelta(seconds=61)
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) > 15
    assert max(waits) <= timedelta(minutes=7.5)
    assert waits[0] < waits[-1]
    assert len(world.jobs) <= 11
    ready = next(c for c in world.status.conditions if c.type == "Ready")
    assert (ready.reason, world.status.phase) == ("UvMissing", "VALIDATING")
    assert "by itself" in world.status.message
    # Mended; a hiccup of the infrastructure has all its attempts still.
    assert isinstance(world.run(None, None, INFRA), states.Completed)


def test_an_input_that_was_deleted_comes_back() -> None:
    world = World(package())
    world.look()
    world.inputs.clear()
    assert isinstance(world.run(), states.Completed)
