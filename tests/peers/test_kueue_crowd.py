"""Far more packages than places: all of them pass through Kueue's queue, twice, and none is lost."""

from __future__ import annotations

import time

import pytest

from dagy.model.status import JobKind, Phase
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import status_of
from tests.peers.crowd import Crowd, counted
from tests.peers.queues import Queue, eventually, progressing, queued

pytestmark = [pytest.mark.peers, pytest.mark.long_build, pytest.mark.usefixtures("with_kueue")]
MANY, PLACES = 500, 20


def test_five_hundred_packages_pass_through_twenty_places(
    kubeconfig: str, objects: ObjectStore, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = time.monotonic()

    def said(what: str) -> None:
        with capsys.disabled():
            print(f"{time.monotonic() - begun:6.1f} s: {what}")

    async def test(queue: Queue) -> None:
        async with counted(queue) as count:
            crowd = await Crowd.arrives(queue, MANY)
            said(f"{MANY} packages stand in the queue")
            await eventually(lambda: _run(queue, PLACES))
            occupied = await queue.rig.cluster().occupied_slots(JobKind.VALIDATE)
            assert len(occupied) == PLACES, "what is held back takes no place of ours"
            said(f"{PLACES} of them run")

            await progressing(lambda: _unvalidated(crowd))
            last = (await crowd.held_back(JobKind.BUILD))[-1]
            await eventually(lambda: queue.tells(last, "insufficient unused quota for pods in flavor default"))
            status = await status_of(queue.rig, last)
            assert status["phase"] == Phase.QUEUED
            said(f"all are validated, and builds wait: {status['message']}")

            await progressing(crowd.left)
            said(f"{MANY} packages are COMPLETED")
        assert count.most == PLACES, "never more than there are places, and no place was left empty"
        assert len(count.made) == 2 * MANY, "a validation and a build each, and nothing was done twice"
        uris = {told["artifact"]["uri"] for told in (await crowd.packages()).values()}
        assert len(uris) == MANY

    queued(kubeconfig, objects, PLACES, test)
    said("nothing is left in the queue")


async def _run(queue: Queue, number: int) -> bool:
    return sum(not job["spec"]["suspend"] for job in (await queue.jobs()).values()) == number


async def _unvalidated(crowd: Crowd) -> int:
    await crowd.left()
    phases = [told["phase"] for told in (await crowd.packages()).values()]
    assert not {Phase.INVALID, Phase.FAILED} & set(phases)
    return sum(phase in (Phase.PENDING, Phase.VALIDATING) for phase in phases)
