"""The state machine, run to its end: which phases are shown, and that nothing starts without a reason."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagy.core import states
from tests.core.worlds import INFRA, OTHER, USER, World, package, settled

STEPS_OF_A_BUILD = range(3)


def test_a_package_from_apply_to_completed() -> None:
    world = World(package())
    assert isinstance(world.run(), states.Completed)
    assert world.phases == ["PENDING", "VALIDATING", "QUEUED", "INSTALLING", "PACKAGING", "UPLOADING", "COMPLETED"]
    assert len(world.started) == 2
    assert world.jobs == {}


def test_every_phase_is_shown_when_the_kubelet_reports_a_build_at_once() -> None:
    world = World(package())
    world.look()
    world.advance()  # validated
    world.look()
    for _ in STEPS_OF_A_BUILD:
        world.advance()
    world.look()
    assert world.phases[2:] == ["QUEUED", "INSTALLING", "PACKAGING", "UPLOADING", "COMPLETED"]


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
