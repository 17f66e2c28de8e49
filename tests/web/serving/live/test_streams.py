"""Logs that are followed: as many as there may be, as long as they may last, and one look for all who look."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncGenerator
from contextlib import ExitStack

import httpx
import pytest

from dagy.web.serving.live.streams import EACH, SharedLooks, Streams
from dagy.web.serving.problems import ProblemError
from tests.fakes.api import Api, unique


async def endless(ended: list[str] | None = None) -> AsyncGenerator[bytes, None]:
    try:
        while True:
            yield b"line\n"
            await asyncio.Event().wait()
    finally:
        if ended is not None:
            ended.append("ended")


def test_each_has_so_many_and_everybody_together_too() -> None:
    async def follow() -> None:
        streams = Streams(each=2, everybodys=3)
        opened = [streams.bounded(who, endless()) for who in ("a", "a", "b")]
        for one in opened:
            assert await anext(one) == b"line\n"
        with pytest.raises(ProblemError, match="You follow 2 logs already") as refused:
            streams.check("a")
        assert str(refused.value.reason) == "TooManyRequests"
        with pytest.raises(ProblemError, match="3 logs are being followed already"):
            streams.check("c")
        late = streams.bounded("c", endless())
        assert b"being followed already" in await anext(late), "who comes between the check and the start is told"
        await opened[0].aclose()
        streams.check("a")
        streams.check("c")
        for one in (*opened, late):
            await one.aclose()

    asyncio.run(follow())


def test_a_stream_ends_when_its_time_is_over_or_its_reader_goes() -> None:
    async def follow() -> None:
        ended: list[str] = []
        over = Streams(hours=0.05 / 3600).bounded("a", endless(ended))
        assert [chunk async for chunk in over][-1].startswith(b"\nThe logs are followed for ")
        gone = Streams().bounded("a", endless(ended))
        await anext(gone)
        await gone.aclose()
        assert ended == ["ended", "ended"]

    asyncio.run(follow())


def test_one_look_serves_all_who_look_at_once() -> None:
    async def look() -> None:
        looks, asked, go = SharedLooks(), list[int](), asyncio.Event()

        async def ask() -> int:
            asked.append(1)
            await go.wait()
            return len(asked)

        waiting = [asyncio.create_task(looks.look("jobs", ask)) for _ in range(50)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        go.set()
        assert await asyncio.gather(*waiting[1:]) == [1] * 49
        assert await looks.look("others", ask) == 2

    asyncio.run(look())


@pytest.mark.apiserver
def test_followers_are_counted_and_keep_nobody_from_anything_else(api: Api) -> None:
    name = unique()
    manifest = {
        "apiVersion": "dagy.io/v1", "kind": "DepPackage", "metadata": {"name": name, "namespace": "team-a"},
        "spec": {"pythonVersion": "3.12", "dependencies": ["idna"]},
    }  # fmt: skip
    api.users.kubectl("apply", "-f", "-", stdin=manifest)
    path = f"/dep-packages/team-a/{name}/logs"
    refused: list[httpx.Response] = []
    counted = threading.Event()

    def follow() -> None:
        """Until the package is gone, or at once when there are too many."""
        with api.client("alice") as client, client.stream("GET", path, params={"follow": "true"}) as answer:
            if answer.status_code == 429:
                answer.read()
                refused.append(answer)
                counted.set()
            for _ in answer.iter_bytes():
                pass

    with ExitStack() as held:
        threads = [threading.Thread(target=follow) for _ in range(EACH + 3)]
        held.callback(lambda: [thread.join(60) for thread in threads])
        held.callback(api.users.kubectl, "delete", "deppackage", name, "--namespace=team-a")
        for thread in threads:
            thread.start()
        assert counted.wait(60)
        with api.client("alice") as client:
            assert client.get(f"/dep-packages/team-a/{name}").status_code == 200
    assert json.loads(refused[0].text)["code"] == "TooManyRequests"
    assert refused[0].headers["Retry-After"] == "10"
