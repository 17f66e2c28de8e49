"""The work queue's delays: soon after a repair, and no storm when everything fails."""

from __future__ import annotations

import asyncio

import pytest

from dagy.controller.engine.queue import WorkQueue
from tests.chaos.virtual_time import VirtualLoop, run


@pytest.mark.parametrize(("keys", "within", "looks"), [(1, 60.0, 1), (500, 60.0, 40), (10_000, 150.0, 150)])
def test_everything_goes_on_soon_after_a_repair(keys: int, within: float, looks: float) -> None:
    async def test(loop: VirtualLoop) -> None:
        queue, broken, tried = WorkQueue[int](), True, list[float]()
        last, good, gaps = dict[int, float](), dict[int, float](), list[float]()

        async def look(key: int) -> None:
            tried.append(loop.time())
            gaps.append(loop.time() - last.get(key, loop.time()))
            last[key] = loop.time()
            if broken:
                raise OSError("S3 is away")
            good[key] = loop.time()

        tasks = [asyncio.create_task(queue.work(look, lambda *_: None)) for _ in range(4)]
        for key in range(keys):
            queue.add(key)
        await asyncio.sleep(1200.0)
        lately = [at for at in tried if at > 600.0]
        assert max(gaps) <= within
        assert len(lately) / 600.0 <= looks, "failing looks a second"
        broken, mended = False, loop.time()
        await asyncio.sleep(600.0)
        assert len(good) == keys
        assert max(good.values()) - mended <= within
        for task in tasks:
            task.cancel()

    run(test)
