"""The work queue: one look at a time, none forgotten; soon after a repair, and no storm when everything fails."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from dagy.adapters.kube.api import KubeApi
from dagy.adapters.settings.operator import Settings
from dagy.controller.engine.queue import WorkQueue
from dagy.controller.packages.wiring import Packages
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore
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


def test_what_changes_during_a_look_is_looked_at_again_and_by_one_worker_at_a_time() -> None:
    async def test(loop: VirtualLoop) -> None:
        queue, looks, active = WorkQueue[str](), list[tuple[str, float]](), list[str]()

        async def look(key: str) -> None:
            assert key not in active, "two workers look at it"
            looks.append((key, loop.time()))
            active.append(key)
            await asyncio.sleep(10.0)
            active.remove(key)

        tasks = [asyncio.create_task(queue.work(look, lambda *_: None)) for _ in range(4)]
        queue.add("a")
        queue.add("b")
        await asyncio.sleep(5.0)
        queue.add("a")
        queue.add("a")
        await queue.idle()
        assert looks == [("a", 0.0), ("b", 0.0), ("a", 10.0)]
        assert queue.sizes == (0, 0, 0)
        for task in tasks:
            task.cancel()

    run(test)


def test_a_look_that_succeeds_ends_the_back_off() -> None:
    async def test(loop: VirtualLoop) -> None:
        queue, looks, broken = WorkQueue[str](), list[float](), True

        async def look(_key: str) -> None:
            looks.append(loop.time())
            if broken:
                raise OSError("S3 is away")

        task = asyncio.create_task(queue.work(look, lambda *_: None))
        queue.add("a")
        await asyncio.sleep(300.0)
        assert queue.sizes == (0, 0, 1)
        broken = False
        await asyncio.sleep(60.0)
        assert queue.sizes == (0, 0, 0)
        broken = True
        began = len(looks)
        queue.add("a")
        await asyncio.sleep(2.0)
        assert len(looks) == began + 2, "the first delay is one second again"
        task.cancel()

    run(test)


def test_lines_take_turns() -> None:
    async def test(_: VirtualLoop) -> None:
        queue, looks = WorkQueue[tuple[str, int]](lambda key: key[0]), list[tuple[str, int]]()

        async def look(key: tuple[str, int]) -> None:
            looks.append(key)

        for number in range(1000):
            queue.add(("crowd", number))
        queue.add(("alone", 0))
        queue.add(("alone", 1))
        assert queue.sizes[0] == 1002
        worker = asyncio.create_task(queue.work(look, lambda *_: None))
        await queue.idle()
        assert looks[:5] == [("crowd", 0), ("alone", 0), ("crowd", 1), ("alone", 1), ("crowd", 2)]
        assert looks[5:] == [("crowd", number) for number in range(3, 1000)]
        worker.cancel()

    run(test)


def test_what_has_ended_comes_before_all_lines() -> None:
    async def test(_: VirtualLoop) -> None:
        queue, looks = WorkQueue[int](), list[int]()

        async def look(key: int) -> None:
            looks.append(key)
            if looks == [2]:
                queue.add(2)
                queue.add(4, urgent=True)

        for key in (1, 2, 5):
            queue.add(key)
        for key in (2, 3, 5):
            queue.add(key, urgent=True)
        worker = asyncio.create_task(queue.work(look, lambda *_: None))
        await queue.idle()
        assert looks == [2, 3, 5, 4, 1, 2], "also who waits already, and who was urgent once is not for ever"
        worker.cancel()

    run(test)


def test_namespaces_are_lines_and_whose_job_has_news_comes_first() -> None:
    async def test(_: VirtualLoop) -> None:
        settings = Settings(s3_bucket="dagy", builder_image="builder:1")
        api, objects = KubeApi.__new__(KubeApi), ObjectStore.__new__(ObjectStore)
        packages, looks = Packages(api, objects, settings, lambda: datetime.now(UTC)), list[NamespacedName]()

        async def look(key: NamespacedName) -> None:
            looks.append(key)

        first, second, other = (NamespacedName(*key) for key in (("a", "1"), ("a", "2"), ("b", "3")))
        for key in (first, second, other):
            packages.queue.add(key)
        job = {"metadata": {"name": "j", "uid": "u", "annotations": {"dagy.io/package": "c/4"}}}
        for handler in packages.job_handlers().values():
            handler(job, False)
        worker = asyncio.create_task(packages.queue.work(look, lambda *_: None))
        await packages.queue.idle()
        assert looks == [NamespacedName("c", "4"), first, other, second]
        worker.cancel()

    run(test)
