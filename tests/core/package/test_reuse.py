"""An artifact of the same lock is taken over instead of built."""

from __future__ import annotations

from dagy.core.package import states
from dagy.core.package.reuse import Source
from tests.fakes.worlds import OTHER, World, package


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


def test_sources_that_are_gone_are_passed_over() -> None:
    world = World(package(), others=[Source("a", "A1A1A1A1"), Source("b", "B1B1B1B1"), OTHER], gone=2)
    assert isinstance(world.run(), states.Completed)
    assert world.status.build
    assert world.status.build.reused_from
    assert world.status.build.reused_from.name == "other"
    world = World(package(), others=[OTHER], gone=1)
    assert isinstance(world.run(), states.Completed)
    assert [name.partition("-")[0] for name in world.started] == ["validate", "build"]
