"""/readyz is open to everybody, so however often it is asked, the API server is asked once in a while."""

from __future__ import annotations

import asyncio

import pytest

from dagy.web.readiness import Readiness


class Cluster:
    """An API server that counts who asks, and refuses while it is away."""

    def __init__(self) -> None:
        self.asked, self.away, self.now = 0, False, 0.0

    async def ask(self) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise ConnectionError("away")


def test_many_at_once_and_one_after_the_other_are_one_question() -> None:
    async def test() -> None:
        cluster = Cluster()
        ready = Readiness(cluster.ask, 2, lambda: cluster.now)
        await asyncio.gather(*(ready.check() for _ in range(100)))
        await ready.check()
        assert cluster.asked == 1
        cluster.now = 2
        await ready.check()
        assert cluster.asked == 2

    asyncio.run(test())


def test_a_refusal_holds_as_long_and_is_told_each_time() -> None:
    async def test() -> None:
        cluster = Cluster()
        cluster.away = True
        ready = Readiness(cluster.ask, 2, lambda: cluster.now)
        for _ in range(3):
            with pytest.raises(ConnectionError, match="away"):
                await ready.check()
        assert cluster.asked == 1
        cluster.away, cluster.now = False, 2
        await ready.check()

    asyncio.run(test())
