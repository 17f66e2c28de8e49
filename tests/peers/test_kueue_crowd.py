"""Far more packages than places: all of them stand in Kueue's queue, and pass through it in their order."""

from __future__ import annotations

import time
from collections.abc import Set

import pytest

from dagy.model.base import NamespacedName
from dagy.model.status import JobKind
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import annotate, condition, status_of
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
        keys = await queue.packages(MANY)
        said(f"{MANY} packages stand in the queue")
        await eventually(lambda: _run(queue, PLACES))
        first = await queue.running()
        assert set(first) <= set(keys[: 2 * PLACES]), "in the order of their arrival, as far as seconds tell"
        assert len(await queue.rig.cluster().occupied_slots(JobKind.VALIDATE)) == PLACES
        assert "waiting to be admitted by its queue" in await queue.says(keys[-1])
        said(f"{PLACES} of them run")

        for key in first:
            await annotate(queue.rig, key, cancel="1")
            await queue.operator.reconcile(key)
            assert condition(await status_of(queue.rig, key), "Ready") == ("False", "Cancelled")
        await eventually(lambda: _run(queue, PLACES, set(first)))
        said(f"these are cancelled, and the next {PLACES} run")

        waiting = set(keys) - set(first)

        async def left() -> int:
            going = set(await queue.running())
            assert len(going) <= PLACES, "never more than there are places"
            await queue.end(going)
            for key in going:
                await queue.operator.reconcile(key)
            waiting.difference_update([key for key in going if await _is_valid(queue, key)])
            return len(waiting)

        await progressing(left)
        said(f"the other {MANY - PLACES} are validated")

    queued(kubeconfig, objects, PLACES, test)
    said("nothing is left in the queue")


async def _run(queue: Queue, number: int, others_than: Set[NamespacedName] = frozenset()) -> bool:
    return len(set(await queue.running()) - others_than) == number


async def _is_valid(queue: Queue, key: NamespacedName) -> bool:
    return bool((await status_of(queue.rig, key))["phase"] == "VALID")
