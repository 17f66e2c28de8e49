"""GET /metrics on a port of its own, which a NetworkPolicy opens to Prometheus only (docs/metrics.md)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from typing_extensions import override

from dagy.adapters.metrics.registry import Metrics

MOST_CONNECTIONS = 16
"""At the same time: Prometheus, its second replica, and people who look."""
CONNECTION_SECONDS = 20.0
"""The life of a connection, whatever its peer does: a scrape takes a fraction of a second."""
_HEADERS = {"Connection": "close", "Cache-Control": "no-store"}


@asynccontextmanager
async def serving(metrics: Metrics, port: int, host: str | None = None) -> AsyncIterator[int]:
    """Serve on all addresses (or on one) while the block runs, and give the port; 0 when `port` is, which serves none.

    Raises OSError when something else has the port.
    """
    if not port:
        yield 0
        return

    async def answer(_: web.Request) -> web.Response:
        body, content_type = metrics.exposition()
        return web.Response(body=body, headers={**_HEADERS, "Content-Type": content_type})

    app = web.Application()
    app.add_routes([web.get("/metrics", answer)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    server, loop = runner.server, asyncio.get_running_loop()
    assert server

    def connection() -> asyncio.BaseProtocol:
        if len(server.connections) >= MOST_CONNECTIONS:
            return _Refused()
        handler = server()
        loop.call_later(CONNECTION_SECONDS, handler.force_close)
        return handler

    try:
        async with await loop.create_server(connection, host, port) as listener:
            yield listener.sockets[0].getsockname()[1]
    finally:
        await runner.cleanup()


class _Refused(asyncio.Protocol):
    """One connection too many."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()
