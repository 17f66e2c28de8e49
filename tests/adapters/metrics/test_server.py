"""GET /metrics: for Prometheus; whoever else comes can hold neither the process nor the door."""

from __future__ import annotations

import asyncio
from unittest import mock

import httpx

from dagy.adapters.metrics import server
from dagy.adapters.metrics.registry import Metrics
from dagy.adapters.metrics.server import MOST_CONNECTIONS, serving
from dagy.core.metrics.metric import Process
from tests.cluster.doctor import free_port

HOST = "127.0.0.1"


async def scrape(port: int, path: str = "/metrics") -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.get(f"http://{HOST}:{port}{path}")


def test_metrics_are_there_and_nothing_else() -> None:
    async def test() -> None:
        async with serving(Metrics(Process.API, "1"), free_port(), HOST) as port:
            answer = await scrape(port)
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
            assert "dagy_build_info" in answer.text
            assert (await scrape(port, "/")).status_code == 404

    asyncio.run(test())


def test_no_port_serves_none() -> None:
    async def test() -> None:
        async with serving(Metrics(Process.API, "1"), 0) as port:
            assert port == 0

    asyncio.run(test())


def test_a_connection_too_many_is_dropped_and_a_mute_one_ends() -> None:
    async def test() -> None:
        with mock.patch.object(server, "CONNECTION_SECONDS", 0.5):
            async with serving(Metrics(Process.API, "1"), free_port(), HOST) as port:
                mute = [await asyncio.open_connection(HOST, port) for _ in range(MOST_CONNECTIONS)]
                reader, writer = await asyncio.open_connection(HOST, port)
                assert await ended(reader)
                for each, _ in mute:
                    assert await ended(each)
                assert (await scrape(port)).status_code == 200
                for _, each in [*mute, (reader, writer)]:
                    each.close()

    asyncio.run(test())


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await asyncio.wait_for(reader.read(), 10) == b""
    except ConnectionError:
        return True
