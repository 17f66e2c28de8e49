"""/healthz and /readyz for the kubelet."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web


async def serve_health(port: int, sick: Callable[[], str | None], ready: Callable[[], bool]) -> web.AppRunner:
    """Serve on all addresses. `sick` says what is wrong, if anything; the process is then restarted by the kubelet."""

    async def healthz(_: web.Request) -> web.Response:
        problem = sick()
        return web.Response(text=problem or "ok", status=500 if problem else 200)

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ok") if ready() else web.Response(text="not every package was seen yet", status=503)

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
