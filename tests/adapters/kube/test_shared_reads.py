"""Many who ask at once share a request, and nobody gets an answer that is older than the question."""

from __future__ import annotations

import asyncio

import pytest

from dagy.adapters.kube.shared_reads import SharedReads


class Store:
    def __init__(self) -> None:
        self.value, self.asked, self.go_on = 0, 0, asyncio.Event()

    async def read(self, _: str) -> int:
        self.asked += 1
        seen = self.value
        await self.go_on.wait()
        return seen


def test_who_comes_later_is_not_told_what_was_asked_before() -> None:
    async def scenario() -> tuple[list[int], int]:
        store = Store()
        read = SharedReads(store.read)
        first = asyncio.create_task(read("k"))
        while not store.asked:
            await asyncio.sleep(0)
        store.value = 1
        later = [asyncio.create_task(read("k")) for _ in range(50)]
        await asyncio.sleep(0)
        store.go_on.set()
        return [await first, *[await one for one in later]], store.asked

    answers, asked = asyncio.run(scenario())
    assert answers == [0, *[1] * 50]
    assert asked == 2


def test_a_failure_is_told_to_each_and_remembered_for_nobody() -> None:
    async def scenario() -> None:
        fails = True

        async def answer(key: str) -> str:
            if fails:
                raise OSError(key)
            return key

        read = SharedReads(answer)
        for one in await asyncio.gather(read("k"), read("k"), return_exceptions=True):
            assert isinstance(one, OSError)
        fails = False
        assert await read("k") == "k"

    asyncio.run(scenario())


def test_who_gives_up_takes_it_from_nobody() -> None:
    async def scenario() -> int:
        store = Store()
        read = SharedReads(store.read)
        impatient, patient = asyncio.create_task(read("k")), asyncio.create_task(read("k"))
        await asyncio.sleep(0)
        impatient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await impatient
        store.go_on.set()
        return await patient

    assert asyncio.run(scenario()) == 0
