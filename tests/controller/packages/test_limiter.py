"""Slots: thousands who wait cost no requests, and whoever's turn it is hears of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from typing_extensions import override

from dagy.adapters.kube.api import KubeApi, KubeError
from dagy.adapters.packages.cluster import Cluster
from dagy.controller.packages.limiter import ConcurrencyLimiter
from dagy.core.package.queue import Limits, QueueEntry
from dagy.model.base import NamespacedName
from dagy.model.status import JobKind

BUILD = JobKind.BUILD


class Counting(Cluster):
    """A cluster in which these Jobs run; counts how often it is asked, and may refuse."""

    def __init__(self) -> None:
        super().__init__(KubeApi.__new__(KubeApi), "builds")
        self.running, self.asked = list[str](), 0
        self.refuses = False

    @override
    async def occupied_slots(self, kind: JobKind) -> list[str]:
        self.asked += 1
        if self.refuses:
            raise KubeError(503, "", "away")
        return list(self.running)


class Desk:
    """Slots as the reconciler uses them."""

    def __init__(self, total: int, per_namespace: int) -> None:
        self.cluster, self.woken = Counting(), list[NamespacedName]()
        limits = {kind: Limits(total, per_namespace) for kind in JobKind}
        self.limiter = ConcurrencyLimiter(self.cluster, limits, self.woken.append)

    async def look(self, mine: QueueEntry, create: Callable[[], Awaitable[None]] | None = None) -> int:
        """One look at a package: 0 when its Job was started."""

        async def run() -> None:
            self.cluster.running.append(mine.namespace)

        return self.limiter.stand_in_line(BUILD, mine) or await self.limiter.start(BUILD, mine, create or run)


def one(namespace: str, number: int) -> QueueEntry:
    return QueueEntry(f"2026-11-21T12:00:00.{number:06d}Z", namespace, f"p{number}")


def test_ten_thousand_looks_ask_the_cluster_a_few_times() -> None:
    async def test() -> None:
        desk, everybody = Desk(4, 2), [one(f"team-{number % 100}", number) for number in range(10_000)]
        for each in everybody:
            await desk.look(each)
        assert desk.cluster.asked == 0, "before everybody is known, nobody starts"
        desk.limiter.open()
        for each in everybody:
            await desk.look(each)
        assert len(desk.cluster.running) == 4
        asked = desk.cluster.asked
        for each in everybody[4:]:
            assert await desk.look(each) > 0
        assert desk.cluster.asked <= asked + 2 * 4
        desk.cluster.running.pop()
        desk.woken.clear()
        desk.limiter.wake()
        assert 1 <= len(desk.woken) <= 2 * (4 + 10)
        assert await desk.look(next(each for each in everybody if each.key == desk.woken[0])) == 0

    asyncio.run(test())


def test_whoever_counts_tells_those_whose_turn_it_is() -> None:
    async def test() -> None:
        desk = Desk(2, 2)
        desk.limiter.open()
        first, second, other = one("a", 1), one("a", 2), one("b", 3)
        desk.cluster.running = ["a", "c"]
        assert [await desk.look(each) for each in (first, second, other)] == [1, 2, 1]
        desk.cluster.running = ["a"]  # an end of which no event came
        desk.limiter.wake()
        desk.woken.clear()
        assert await desk.look(second) == 3
        assert desk.woken == [other.key]
        assert await desk.look(other) == 0

    asyncio.run(test())


def test_a_count_that_failed_is_made_again() -> None:
    async def test() -> None:
        desk, mine = Desk(1, 1), one("a", 1)
        desk.limiter.open()
        desk.cluster.refuses = True
        for _ in range(2):
            try:
                await desk.look(mine)
            except KubeError:
                continue
            raise AssertionError("it must not be guessed")
        desk.cluster.refuses = False
        assert await desk.look(mine) == 0

    asyncio.run(test())


def test_who_cannot_start_keeps_its_place_until_it_leaves() -> None:
    async def test() -> None:
        desk, mine, other = Desk(1, 1), one("a", 1), one("b", 2)
        desk.limiter.open()

        async def refused() -> None:
            raise KubeError(403, "", "quota")

        try:
            await desk.look(mine, refused)
        except KubeError:
            assert await desk.look(other) == 2
        desk.limiter.leave(mine.key)
        assert await desk.look(other) == 0

    asyncio.run(test())


def test_two_at_once_share_one_slot() -> None:
    async def test() -> None:
        desk = Desk(1, 1)
        desk.limiter.open()
        places = await asyncio.gather(desk.look(one("a", 1)), desk.look(one("b", 2)))
        assert sorted(places) == [0, 1]
        assert len(desk.cluster.running) == 1

    asyncio.run(test())
