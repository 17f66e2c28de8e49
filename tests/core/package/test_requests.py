"""What a request (validate, build, refresh, cancel) does in each state, and when it counts as handled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dagy.core.common.failure import Failure
from dagy.core.common.reasons import StateReason
from dagy.core.package import states
from dagy.model.status import DepPackageStatus
from dagy_builder.contract import Fault, Step
from tests.fakes.facts import INFRA, USER, outcome, package
from tests.fakes.worlds import World, settled

BROKEN = outcome(Step.RESOLVE, reason="UvMissing", fault=Fault.ADMINISTRATOR)
FULL = outcome(Step.INSTALL, reason="DiskFull")
MISSING = Failure(StateReason.INDEX_SECRET_UNUSABLE, "There is no Secret a.", Fault.USER)


def saved(world: World) -> None:
    world.package["spec"]["buildPolicy"] = "Manual"
    world.run()


def valid(world: World) -> None:
    saved(world)
    ask(world, validate="first")
    world.run()


def invalid(world: World) -> None:
    world.run(USER)


def given_up(world: World) -> None:
    world.run(INFRA, INFRA, INFRA, INFRA)


def cancelled(world: World) -> None:
    world.look()
    ask(world, cancel="first")
    world.run()


def cancelled_build(world: World) -> None:
    world.look()
    world.advance()
    world.look()
    ask(world, cancel="first")
    world.run()


def broken(world: World) -> None:
    """The installation is broken: it is tried again by itself, in some minutes."""
    world.look()
    world.advance(BROKEN)
    world.look()


def retrying(world: World) -> None:
    world.look()
    world.advance(INFRA)
    world.look()


def failed_build(world: World) -> None:
    world.run(None, FULL)


def completed(world: World) -> None:
    world.run()


def ask(world: World, **requests: str) -> None:
    """Annotate the package."""
    world.package["metadata"]["annotations"].update({f"dagy.io/{name}": value for name, value in requests.items()})


def handled(status: DepPackageStatus) -> dict[str, str | None]:
    """The tokens that status echoes."""
    return {
        "validate": status.last_handled_validate,
        "build": status.last_handled_build,
        "refresh": status.last_handled_refresh,
        "cancel": status.last_handled_cancel,
    }


# From where, what is asked for, and which Jobs that starts.
TABLE: list[tuple[Callable[[World], None], str, list[str]]] = [
    (saved, "validate", ["validate"]),
    (saved, "build", ["validate", "build"]),
    (saved, "cancel", []),
    (valid, "validate", []),
    (valid, "build", ["build"]),
    (valid, "refresh", ["validate"]),
    (invalid, "validate", ["validate", "build"]),
    (invalid, "build", ["validate", "build"]),
    (invalid, "refresh", ["validate", "build"]),
    (invalid, "cancel", []),
    (given_up, "validate", ["validate", "build"]),
    (given_up, "build", ["validate", "build"]),
    (given_up, "refresh", ["validate", "build"]),
    (cancelled, "validate", ["validate", "build"]),
    (cancelled, "build", ["validate", "build"]),
    (cancelled_build, "build", ["build"]),
    (cancelled_build, "refresh", ["validate", "build"]),
    (broken, "build", ["validate", "build"]),
    (broken, "validate", ["validate", "build"]),
    (retrying, "build", ["validate", "build"]),
    (failed_build, "build", ["build"]),
    (failed_build, "validate", []),
    (failed_build, "refresh", ["validate", "build"]),
    (completed, "validate", []),
    (completed, "build", ["build"]),
    (completed, "refresh", ["validate", "build"]),
    (completed, "cancel", []),
]


@pytest.mark.parametrize(("start", "request_", "jobs"), TABLE, ids=[f"{s.__name__}-{r}" for s, r, _ in TABLE])
def test_what_a_request_starts(start: Callable[[World], None], request_: str, jobs: list[str]) -> None:
    world = World(package())
    start(world)
    before = len(world.started)
    ask(world, **{request_: "again"})
    world.look()
    assert [name.partition("-")[0] for name in world.started[before:]] == jobs[:1], "at once"
    state = world.run()
    assert [name.partition("-")[0] for name in world.started[before:]] == jobs
    assert handled(world.status)[request_] == "again"
    if jobs:
        assert isinstance(state, states.Completed | states.Valid)
    more = list(world.started)
    world.look()
    assert world.started == more


def test_a_build_that_is_asked_for_while_the_validation_runs_waits_for_it() -> None:
    world = World(package())
    world.look()
    ask(world, build="1")
    assert isinstance(world.run(), states.Completed)
    assert [name.partition("-")[0] for name in world.started] == ["validate", "build"]


def test_a_request_that_meets_a_failure_is_no_reason_to_try_for_ever() -> None:
    world = World(package())
    invalid(world)
    ask(world, build="again")
    assert isinstance(world.run(USER), states.Invalid)
    assert handled(world.status)["build"] == "again"
    assert len(world.started) == 2


@pytest.mark.parametrize("request_", ["validate", "build", "refresh"])
def test_what_a_suspended_package_is_asked_for_is_done_when_it_is_resumed(request_: str) -> None:
    world = World(package(suspend=True, buildPolicy="Manual"))
    ask(world, **{request_: "1"})
    assert isinstance(world.run(), states.Suspended)
    assert handled(world.status)[request_] is None, "nothing was done about it"
    world.package["spec"]["suspend"] = False
    world.run()
    assert world.started
    assert handled(world.status)[request_] == "1"


@pytest.mark.parametrize(("request_", "fate"), [("build", FULL), ("refresh", USER)])
def test_what_was_asked_for_in_vain_stays_told_beside_the_artifact_until_something_else_is_asked(
    request_: str, fate: str
) -> None:
    world = World(package())
    completed(world)
    good = world.status.s3_uri
    ask(world, **{request_: "again"})
    assert isinstance(world.run(fate), states.Failed | states.Invalid)
    status, started = world.status, list(world.started)
    world.look()
    assert world.status == status, "settled is settled"
    assert world.status.s3_uri == good
    ask(world, **{request_: "once more"})
    assert isinstance(world.run(), states.Completed)
    assert len(world.started) > len(started)


def test_a_validation_that_is_repeated_tells_its_own_end() -> None:
    """An outage of the index says nothing about requirements that were rejected before."""
    world = World(package())
    invalid(world)
    errors = world.status.validation
    ask(world, validate="again")
    world.look()
    world.advance(INFRA)
    state = world.look()
    assert isinstance(state, states.Retrying)
    assert not settled(world)
    assert world.status.phase == "VALIDATING"
    assert world.status.validation == errors, "the last verdict stays readable"
    assert isinstance(world.run(USER), states.Invalid)
    ready = next(c for c in world.status.conditions if c.type == "Ready")
    assert (ready.reason, world.status.message) == ("PackageNotFound", "PackageNotFound happened.")


def test_a_rejection_outlives_the_pod_that_found_it() -> None:
    world = World(package())
    invalid(world)
    (name,) = world.jobs
    world.jobs[name] = replace(world.jobs[name], pod=None, finished="Failed")
    status = world.status
    assert isinstance(world.look(), states.Invalid)
    assert world.status == status


def test_a_status_from_before_validations_had_reasons_is_understood() -> None:
    world = World(package())
    invalid(world)
    assert world.status.validation
    bare = world.status.validation.model_copy(update={"reason": None, "message": None})
    world.status = world.status.model_copy(update={"validation": bare})
    world.jobs.clear()
    assert isinstance(world.look(), states.Invalid)
    assert world.started == world.started[:1]


def test_a_cancellation_lasts_though_nothing_could_be_started() -> None:
    world = World(package(), secret_missing=MISSING)
    assert isinstance(world.look(), states.Blocked)
    ask(world, cancel="now")
    state = world.look()
    assert isinstance(state, states.Failed)
    assert state.failure.reason == "Cancelled"
    world.secret_missing = None
    assert isinstance(world.look(), states.Failed)


def test_a_cancellation_that_is_refused_is_not_forgotten() -> None:
    world = World(package(), refusal=Failure("ApiServerRefused", "No.", Fault.INFRASTRUCTURE))
    ask(world, cancel="now")
    assert isinstance(world.look(), states.Blocked)
    assert handled(world.status)["cancel"] is None
    world.refusal = None
    assert isinstance(world.look(), states.Failed)
    assert handled(world.status)["cancel"] == "now"
