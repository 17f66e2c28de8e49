"""Cancel stops what runs and what waits, and lasts until something new is asked for."""

from __future__ import annotations

import pytest

from dagy.core.package import states
from dagy.model.status import DepPackageStatus, JobKind
from tests.fakes.facts import LOCK, OTHER, PLAN, package
from tests.fakes.worlds import World


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


@pytest.mark.parametrize("kind", [JobKind.VALIDATE, JobKind.BUILD])
def test_a_request_that_was_acted_upon_cancels_no_later_job_when_status_is_erased(kind: JobKind) -> None:
    world = World(package())
    annotations = world.package["metadata"]["annotations"]
    world.look()
    annotations["dagy.io/cancel"] = "1"
    assert isinstance(world.run(), states.Failed)
    annotations["dagy.io/build"] = "2"
    state = world.look()
    if kind is JobKind.BUILD:
        world.advance()
        state = world.look()
    assert isinstance(state, states.Validating if kind is JobKind.VALIDATE else states.Building)
    world.status = DepPackageStatus()
    assert isinstance(world.run(), states.Completed)
    assert world.status.last_handled_cancel == "1"
    annotations["dagy.io/build"] = "3"
    world.look()
    annotations["dagy.io/cancel"] = "4"
    assert isinstance(world.run(), states.Failed), "a new request"


def test_cancel_in_the_queue_lasts() -> None:
    world = World(package(), slots=False)
    world.look()
    world.slots = True
    world.package["metadata"]["annotations"]["dagy.io/cancel"] = "now"
    assert isinstance(world.run(), states.Failed)
    assert all(j.cancelled for j in world.jobs.values())


def test_cancel_before_the_copy_lasts() -> None:
    world = World(package(annotations={"dagy.io/cancel": "now"}))
    world.resolutions[PLAN.spec_hash] = LOCK
    world.others = [OTHER]
    assert isinstance(world.run(), states.Failed)
    world.look()
    assert not world.records
