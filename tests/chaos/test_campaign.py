"""The quick part of the campaign: faults of some seeds, and the table that it prints."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagy_builder.storage.store import ObjectStore
from tests.chaos import faults
from tests.chaos.campaign import Campaign, Outcome, campaign, observing
from tests.chaos.faults import Fault, How
from tests.chaos.kept import Kept, table
from tests.chaos.run import RESYNC_SECONDS
from tests.chaos.sampled import Size, sampled
from tests.chaos.virtual_time import VirtualLoop, run
from tests.fakes.kubelet import BUCKET
from tests.s3server import s3_server

pytestmark = pytest.mark.apiserver


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A bucket whose folder the observer can look into."""
    folder = tmp_path_factory.mktemp("chaos")
    with s3_server(folder, BUCKET) as variables, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield folder / "data" / BUCKET


def play(
    kubeconfig: str, data: Path, name: str, plays: list[tuple[str, Fault | int]], resync_seconds: int = RESYNC_SECONDS
) -> list[Outcome]:
    """Play these scenarios with these faults, or with those of these seeds."""
    before = random.getstate()

    async def whole(loop: VirtualLoop) -> list[Outcome]:
        async with campaign(kubeconfig, ObjectStore(BUCKET), data, loop, observer, name, resync_seconds) as played:
            return [await _one(played, scenario, fault) for scenario, fault in plays]

    with observing(kubeconfig, data) as observer:
        outcomes: list[Outcome] = run(whole)
    assert random.getstate() == before, "the seeds of runs decide what other tests draw"
    return outcomes


async def _one(played: Campaign, scenario: str, fault: Fault | int) -> Outcome:
    if isinstance(fault, int):
        return await played.play(scenario, sampled((await played.clean(scenario)).size, fault), fault)
    return await played.play(scenario, fault)


def assert_sound(outcomes: list[Outcome]) -> None:
    """All of them ended as without faults, and nothing was broken on the way."""
    for outcome in outcomes:
        assert not outcome.broken, (outcome.scenario, outcome.fault, outcome.broken, outcome.transitions)
        assert outcome.equal, (outcome.scenario, outcome.fault, outcome.end)


FOUND: list[tuple[str, Fault]] = [
    # The validation's Job was deleted before status told of it: it ran again, and so did the build.
    ("create", faults.Crash((14,), after=True)),
    ("create", faults.Crash((15,), after=True)),
    # A list that was behind led to claim after claim.
    ("rebuild", faults.Stale(9, 1)),
    # The operator that was stopped left a Job, or the mark of a package that keeps its objects, after the deletion.
    ("delete", faults.Two(((36, 90.0), (41, 90.0), (42, 15.0)))),
    ("retain", faults.Two(((42, 2.0), (51, 90.0), (41, 2.0)))),
    # What S3 spoiled on the way was taken for a lock that somebody had spoiled, and resolved again and again.
    ("heavy", faults.Outage("s3", How.CHECKSUM, 7, 30.0)),
    # The record of a build that had just ended could not be read: it waited for ever.
    ("create", faults.Hand("records spoiled", 24)),
    # What somebody wrote into a status stayed there: one validation after the other was deleted and made again (2087).
    ("invalid", faults.Hand("status spoiled", 5)),
    # The clock was put back in the pause before an attempt, which then waited for an hour (3017).
    ("s3 down", faults.Clock(443, -3600.0)),
    # Two operators wrote one status after the other, each with a time of its own, and never came to an end (5119).
    (
        "heavy",
        faults.Storm(
            (
                faults.Events("doubled", 4),
                faults.Two(((20, 15.0), (26, 2.0), (35, 90.0))),
                faults.Stale(10, 50),
                faults.Mute(8, 75.0),
                faults.Clock(162, -30.0),
                faults.Mute(39, 300.0),
                faults.Crash((13,), after=True),
                faults.Clock(137, -3600.0),
                faults.Two(((12, 2.0), (16, 90.0), (10, 2.0))),
                faults.Two(((18, 2.0), (13, 2.0), (12, 2.0))),
                faults.Stale(55, 1),
                faults.Events("dropped", 8),
            ),
            400.0,
        ),
    ),
    # A package was deleted whose Job had lost its labels: nobody found the Job, and the package never went (4012).
    ("delete", faults.Hand("Jobs' labels taken", 38)),
    # Two operators made one deleted claim again: the second told that another package had the slug, which lost the build
    # that somebody had asked for (10).
    ("cancel", faults.Several((faults.Two(()), faults.Hand("claims deleted", 34)))),
    # No fault: the phase that was waited for was somebody's who wrote it by hand (5161).
    ("deploy", faults.Hand("status spoiled", 4)),
    # No fault: a deployment was deleted before the operator had heard of it, so that its code stayed (5186).
    ("namespace", faults.Mute(26, 300.0)),
    # The clock was put back in the pause before an attempt that waits for an administrator, which waited for an hour
    # (5071).
    ("quota of pods", faults.Clock(163, -3600.0)),
    # No fault: S3 was away when a package went whose objects are kept, so that no mark says that they may go (5369).
    ("retain", faults.Outage("s3", How.REFUSED, 131, 30.0)),
    # A request to cancel, which an earlier status had known, cancelled the build after it when status was erased (5231).
    ("cancel", faults.Hand("status erased", 20)),
    # No fault: nobody looks whether the ZIP of an earlier build is there (5362).
    ("rebuild", faults.Hand("ZIPs deleted", 38)),
    # What was built after a refresh was deleted and built again for ever, since only its end told of the new lock (6047).
    ("moved", faults.Crash((30,), after=True)),
]


_RESYNC_WHEN_FOUND = 600
"""With another one requests have other numbers, and the faults strike elsewhere."""
LOST: list[tuple[str, Fault]] = [
    (scenario, faults.Storm((faults.Events("dropped", 1, 200),), seconds))
    for scenario, seconds in (("create", 100.0), ("deploy", 100.0), ("roll back", 300.0), ("update", 45.0))
]
"""Of nothing that happens for so long there is any event."""
QUICK = ("update", "copy", "cancel", "roll back")


def test_what_was_found_is_mended(kubeconfig: str, data: Path) -> None:
    assert_sound(play(kubeconfig, data, "found", FOUND, _RESYNC_WHEN_FOUND))


def test_lost_events_are_made_up_for_within_a_minute(kubeconfig: str, data: Path) -> None:
    outcomes = play(kubeconfig, data, "lost", LOST)
    assert_sound(outcomes)
    assert all(outcome.struck[faults.LOST_EVENTS] for outcome in outcomes)
    assert max(outcome.recovery for outcome in outcomes) < 60


def test_some_seeds_end_as_without_faults(kubeconfig: str, data: Path) -> None:
    plays: list[tuple[str, Fault | int]] = [(QUICK[seed % len(QUICK)], seed) for seed in range(1, 13)]
    outcomes = play(
        kubeconfig, data, "seeds", [*plays, ("update", faults.Restarts(30)), ("deploy", faults.Restarts(40))]
    )
    assert_sound(outcomes)
    assert sum(outcome.injected for outcome in outcomes) >= 5 * len(outcomes)
    assert f"| all | {len(outcomes)} |" in table([Kept.of(outcome) for outcome in outcomes])


def test_a_seed_is_the_same_fault_each_time() -> None:
    size = Size(calls=100, writes=20, events=40)
    assert [sampled(size, seed) for seed in range(50)] == [sampled(size, seed) for seed in range(50)]
