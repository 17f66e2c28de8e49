"""A ZIP that is gone from S3: told, built again once, and no more than that. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dagy.core.common.timestamp import timestamp
from dagy.core.package import decide, states
from dagy.core.package.lost import ONCE_IN, lost_of
from dagy.core.package.observed import Observed
from dagy.core.package.records import Missing, Record
from dagy.core.package.states import state_of
from dagy.core.package.status_cache import trusted_status
from dagy.model.status import LostArtifact
from tests.fakes.built import artifact
from tests.fakes.facts import LOCK, OTHER, SLUG, START, package, plan
from tests.fakes.homes import home
from tests.fakes.worlds import World

MISSING = Missing(Record(artifact(LOCK.lock_hash)))
FOUND = Observed(SLUG, resolution=LOCK, missing=MISSING)
NOTICED = lost_of(FOUND, START)
assert NOTICED
TOLD = Observed(SLUG, resolution=LOCK, lost=NOTICED)
REBUILT = NOTICED.model_copy(update={"rebuilt_at": timestamp(START)})
LATER = START + ONCE_IN
REQUESTED = {"annotations": {"dagy.io/build": "1"}}


@pytest.mark.parametrize(
    ("spec", "seen", "now", "state"),
    [
        ({}, FOUND, START, states.Lost),
        ({}, TOLD, START, states.ToBuild),
        ({}, replace(TOLD, missing=MISSING), LATER, states.ToBuild),
        ({}, replace(TOLD, sources=(OTHER,)), START, states.Reusable),
        ({"buildPolicy": "Manual"}, FOUND, START, states.Lost),
        ({"buildPolicy": "Manual"}, TOLD, START, states.ToBuild),
        ({"suspend": True}, FOUND, START, states.Failed),
        ({"suspend": True}, TOLD, START, states.Failed),
        (REQUESTED, FOUND, START, states.ToBuild),
        ({}, replace(FOUND, lost=REBUILT), LATER - timedelta(seconds=1), states.Failed),
        (REQUESTED, replace(FOUND, lost=REBUILT), START, states.ToBuild),
        ({}, replace(FOUND, lost=REBUILT), LATER, states.Lost),
        # What is over is no reason for anything.
        ({"buildPolicy": "Manual"}, Observed(SLUG, resolution=LOCK, lost=REBUILT), START, states.Valid),
        (
            {"buildPolicy": "Manual"},
            Observed(SLUG, resolution=replace(LOCK, lock_hash="2" * 64), lost=NOTICED),
            START,
            states.Valid,
        ),
    ],
)
def test_where_a_package_stands_without_its_zip(
    spec: dict[str, object], seen: Observed, now: object, state: type
) -> None:
    found = state_of(plan(**spec), seen, now)  # type: ignore[arg-type]
    assert type(found) is state
    if state is states.Lost:
        assert not any(isinstance(a, decide.StartJob) for a in decide.decide(plan(**spec), seen, found))


def completed(**spec: object) -> World:
    world = World(package(**spec))
    assert isinstance(world.run(), states.Completed)
    return world


def lose(world: World) -> None:
    assert world.status.s3_uri
    world.deleted.add(world.status.s3_uri)


def ready(world: World) -> tuple[str, str]:
    return next((c.status, c.reason) for c in world.status.conditions if c.type == "Ready")


def test_a_zip_that_is_gone_is_told_and_built_again_from_the_same_lock_once() -> None:
    world = completed()
    lock, lost = world.status.lock_hash, world.status.s3_uri
    lose(world)
    world.look()
    assert (world.status.phase, ready(world)) == ("QUEUED", ("False", "ArtifactGone"))
    assert (
        world.status.message
        == f"The ZIP {lost} (58.3 MB) is gone from S3: it was deleted there. It is built again from its lock."
    )
    assert world.status.s3_uri is None is world.status.artifact
    assert not world.status.history
    assert isinstance(world.run(), states.Completed)
    assert (world.status.lock_hash, len(world.started)) == (lock, 3)
    assert world.status.lost
    assert world.status.lost.rebuilt_at

    lose(world)
    assert isinstance(world.run(), states.Failed)
    assert (world.status.phase, ready(world), len(world.started)) == ("FAILED", ("False", "ArtifactGone"), 3)
    assert world.status.message.endswith("find out what deletes objects in the bucket, then request a build.")
    world.now += timedelta(days=2)
    assert isinstance(world.look(), states.Failed), "settled is still"

    world.package["metadata"]["annotations"]["dagy.io/build"] = "now"
    assert isinstance(world.run(), states.Completed)
    assert len(world.started) == 4
    world.now += ONCE_IN
    lose(world)
    assert isinstance(world.run(), states.Completed)
    assert len(world.started) == 5


def test_an_erased_status_does_not_make_a_zip_that_is_gone_an_artifact() -> None:
    world = completed(buildPolicy="Manual", annotations={"dagy.io/build": "1"})
    lose(world)
    world.status = type(world.status)()
    world.look()
    assert ready(world) == ("False", "ArtifactGone")
    assert isinstance(world.run(), states.Completed)


def test_a_suspended_package_says_so_and_goes_on_when_it_is_resumed() -> None:
    world = completed()
    lose(world)
    world.package["spec"]["suspend"] = True
    assert isinstance(world.run(), states.Failed)
    assert world.status.message.endswith("It is not built again while spec.suspend is true.")
    del world.package["spec"]["suspend"]
    assert isinstance(world.run(), states.Completed)


def test_an_object_of_another_size_is_told_as_such() -> None:
    seen = replace(FOUND, missing=replace(MISSING, found_bytes=3))
    state = state_of(plan(), seen, START)
    assert isinstance(state, states.Lost)
    assert "is not in S3 as it was built: 58300000 bytes were built, 3 are there." in state.failure.message


def test_what_strangers_say_is_lost_is_not_repeated() -> None:
    foreign = LostArtifact(uri="s3://other/x.zip", sha256="", lock_hash="", size_bytes=1, noticed_at="", rebuild=True)
    told = {"status": {"lost": foreign.to_json()}}
    assert trusted_status(told, home()).lost is None
