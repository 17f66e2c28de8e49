"""An artifact of the same lock is taken over instead of built."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dagy.core.package import states
from dagy.core.package.reuse import Source, sources_in
from tests.fakes.built import artifact
from tests.fakes.facts import OTHER, package, plan
from tests.fakes.worlds import World


def test_an_artifact_of_the_same_lock_is_taken_over() -> None:
    world = World(package(), others=[OTHER])
    assert isinstance(world.run(), states.Completed)
    assert [name.partition("-")[0] for name in world.started] == ["validate"]
    assert world.phases == ["VALIDATING", "COMPLETED"]
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


@pytest.mark.parametrize(
    ("wanted", "theirs", "taken"),
    [
        ({}, "Include", True),
        ({"bytecode": "Include"}, "Include", True),
        ({}, None, False),  # it would do if it were there already; what is made anew has bytecode
        ({}, "Exclude", False),
        ({"bytecode": "Exclude"}, None, True),
        ({"bytecode": "Exclude"}, "Exclude", True),
        ({"bytecode": "Exclude"}, "Include", False),
    ],
)
def test_with_bytecode_as_it_is_wanted(wanted: dict[str, str], theirs: str | None, taken: bool) -> None:
    found = artifact("1" * 64, bytecode=theirs).to_json()
    other = {"metadata": {"name": "other", "uid": "2"}, "status": {"slug": "B1B1B1B1", "artifact": found}}
    assert bool(sources_in([other], plan(build=wanted), "1" * 64)) is taken


@pytest.mark.parametrize(
    ("about", "taken"),
    [
        ({}, True),
        ({"uid": "1"}, False),  # itself
        ({"deletionTimestamp": "2026-11-21T12:00:00Z"}, False),  # its objects are on their way out
    ],
)
def test_only_from_others_that_stay(about: dict[str, str], taken: bool) -> None:
    said = {"slug": "B1B1B1B1", "artifact": artifact("1" * 64).to_json()}
    other = {"metadata": {"name": "other", "uid": "2", **about}, "status": said}
    assert bool(sources_in([other], replace(plan(), uid="1"), "1" * 64)) is taken


def test_sources_that_are_gone_are_passed_over() -> None:
    world = World(package(), others=[Source("a", "A1A1A1A1"), Source("b", "B1B1B1B1"), OTHER], gone=2)
    assert isinstance(world.run(), states.Completed)
    assert world.status.build
    assert world.status.build.reused_from
    assert world.status.build.reused_from.name == "other"
    world = World(package(), others=[OTHER], gone=1)
    assert isinstance(world.run(), states.Completed)
    assert [name.partition("-")[0] for name in world.started] == ["validate", "build"]
