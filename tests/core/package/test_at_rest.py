"""What a list of all packages tells: at which of them a look would do nothing."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagy.core.package import states
from dagy.core.package.states import state_of
from dagy.core.package.status import StatusContext, status_of
from dagy.core.package.status_cache import AtRest, at_rest
from dagy.model import constants as names
from dagy.model.status import BuildStatus
from tests.fakes.facts import INFRA, SLUG, START, USER, package
from tests.fakes.homes import STEM, home
from tests.fakes.worlds import World

HOME = home(SLUG, uid="0a1b", bucket="bucket")


def listed(world: World) -> dict[str, Any]:
    """The package as a list shows it."""
    found = copy.deepcopy(world.package)
    found["metadata"] |= {"finalizers": [names.FINALIZER], "labels": {names.LABEL_SLUG: SLUG}}
    status = re.sub(r"s3://bucket/[0-9a-f]{8}-?([0-9]*)\.", _inside, json.dumps(world.status.to_json()))
    return {**found, "status": json.loads(status.replace("s3://bucket/logs/", f"s3://bucket/{HOME.folder.text}logs/"))}


def _inside(found: re.Match[str]) -> str:
    """The world's ZIPs have short names; a package's own lie in its folder."""
    return f"s3://bucket/{HOME.folder.text}{STEM}-{int(found[1] or 0):016x}."


def rests(world: World) -> AtRest | None:
    return at_rest(listed(world), HOME, world.now)


def completed(**spec: Any) -> World:
    world = World(package(**spec))
    world.run()
    world.look()
    assert world.status.phase == "COMPLETED"
    return world


def waiting(position: int | None = 7) -> World:
    world = World(package(), slots=False)
    world.look()
    seen = world.observed()
    context = StatusContext(world.now, world.status, queue_position=position)
    world.status = status_of(world.plan, seen, state_of(world.plan, seen, world.now), context)
    return world


def test_a_finished_package_rests() -> None:
    found = rests(completed())
    assert found
    assert isinstance(found.state, states.Completed)
    assert found.position is None


def test_what_was_asked_for_and_done_rests() -> None:
    world = completed()
    world.package["metadata"]["annotations"][names.REQUEST_BUILD] = "again"
    assert rests(world) is None
    world.run()
    world.look()
    assert rests(world)


@pytest.mark.parametrize(
    "spec", [{"buildPolicy": "Manual"}, {"suspend": True}, {"dependencies": ["no requirement !"]}], ids=str
)
def test_whatever_waits_for_its_user_rests(spec: dict[str, Any]) -> None:
    world = World(package(**spec))
    world.run()
    world.look()
    assert rests(world)


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "spec": lambda found: found["spec"].update(dependencies=["polars"]),
    "generation": lambda found: found["metadata"].update(generation=2),
    "validate": lambda found: found["metadata"]["annotations"].update({names.REQUEST_VALIDATE: "1"}),
    "build": lambda found: found["metadata"]["annotations"].update({names.REQUEST_BUILD: "1"}),
    "refresh": lambda found: found["metadata"]["annotations"].update({names.REQUEST_REFRESH: "1"}),
    "cancel": lambda found: found["metadata"]["annotations"].update({names.REQUEST_CANCEL: "1"}),
    "finalizer": lambda found: found["metadata"].update(finalizers=[]),
    "label": lambda found: found["metadata"].update(labels={names.LABEL_SLUG: "ZZZZZZZZ"}),
    "deletion": lambda found: found["metadata"].update(deletionTimestamp="2026-11-21T12:00:00Z"),
    "slug": lambda found: found["spec"].update(slug="ZZZZZZZZ"),
    "malformed": lambda found: found["spec"].update(pythonVersion=3),
    "no status": lambda found: found.pop("status"),
    "message": lambda found: found["status"].update(message="all is well"),
    "condition": lambda found: found["status"]["conditions"].pop(),
    "phase": lambda found: found["status"].update(phase="FAILED"),
    "another's ZIP": lambda found: found["status"]["artifact"].update(uri="s3://bucket/team-b/OTHER/x.zip"),
    "no ZIP": lambda found: found["status"].pop("artifact"),
    "another lock": lambda found: found["status"].update(lockHash="9" * 64),
    "another spec": lambda found: found["status"].update(specHash="9" * 64),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_after_any_change_it_needs_a_look(change: Callable[[dict[str, Any]], object]) -> None:
    found = listed(completed())
    change(found)
    assert at_rest(found, HOME, START) is None


def test_who_waits_for_a_slot_rests_at_the_place_that_it_knows() -> None:
    found = rests(waiting())
    assert found
    assert isinstance(found.state, states.ToValidate)
    assert found.position == 7
    assert isinstance(found.status.build, BuildStatus)
    assert found.queue_entry(START).arrived == found.status.build.queued_at
    assert rests(waiting(position=None)) is None, "it has to be told its place"


def test_who_waits_and_is_cancelled_needs_a_look() -> None:
    world = waiting()
    world.package["metadata"]["annotations"][names.REQUEST_CANCEL] = "1"
    assert rests(world) is None


@settings(max_examples=60, deadline=None)
@given(
    fates=st.lists(st.sampled_from(["", USER, INFRA]), max_size=4),
    looks=st.integers(0, 6),
    later=st.integers(0, 3 * 24 * 60),
    policy=st.sampled_from(["Auto", "Manual"]),
)
def test_a_look_at_one_that_rests_does_nothing(fates: list[str], looks: int, later: int, policy: str) -> None:
    """Whatever has happened to it, and whenever it is listed; Jobs, which the lists would tell, are gone."""
    world = World(package(buildPolicy=policy))
    for fate in [*fates, *[""] * looks]:
        world.look()
        world.advance(fate or None)
    world.look()
    world.jobs.clear()
    world.now += timedelta(minutes=later)
    if rests(world):
        before = (world.status.to_json(), list(world.started), world.writes)
        world.look()
        assert (world.status.to_json(), world.started, world.writes) == before
