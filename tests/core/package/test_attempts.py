"""Attempts that fail: what is tried again, what is told of them, and how a correction comes through."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from dagy.core.package import states
from dagy_builder.contract import Fault, Step
from tests.fakes.facts import INFRA, USER, outcome, package
from tests.fakes.worlds import World


def test_infrastructure_is_retried_with_bounds_and_the_user_is_not() -> None:
    world = World(package())
    assert isinstance(world.run(INFRA, INFRA, INFRA, INFRA), states.Failed)
    assert len(world.started) == 4
    world = World(package())
    assert isinstance(world.run(USER), states.Invalid)
    assert len(world.started) == 1


def test_attempts_that_waited_for_an_administrator_use_up_no_retry() -> None:
    mended = outcome(Step.RESOLVE, reason="UvMissing", fault=Fault.ADMINISTRATOR)
    world = World(package())
    assert isinstance(world.run(mended, mended, mended, mended, mended, INFRA, INFRA, INFRA), states.Completed)
    world = World(package())
    assert isinstance(world.run(mended, mended, INFRA, INFRA, INFRA, INFRA), states.Failed)


def test_a_clock_that_is_put_back_delays_no_attempt_by_as_much() -> None:
    world = World(package())
    world.look()
    world.advance(INFRA)
    world.now -= timedelta(minutes=1)
    assert isinstance(world.look(), states.Retrying), "clocks of two machines"
    world.now -= timedelta(hours=1)
    world.look()
    assert len(world.started) == 2
    for _ in range(4):
        world.advance(INFRA)
        world.now -= timedelta(hours=1)
        state = world.look()
    assert isinstance(state, states.Failed)
    assert len(world.started) == 4, "no more attempts than ever"


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


def test_a_failing_new_spec_keeps_the_last_good_artifact() -> None:
    world = World(package())
    world.run()
    good = world.status.s3_uri
    world.package["spec"]["dependencies"] = ["pandas", "nonsense"]
    assert isinstance(world.run(USER), states.Invalid)
    assert world.status.s3_uri == good
    assert world.status.artifact
