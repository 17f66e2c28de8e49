"""/healthz and /readyz for the kubelet."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from aiohttp import web

from dagy.controller.engine.controller import Controller
from dagy.controller.engine.watch import Watcher

_MISSED_RESYNCS = 3
_DEAF_SECONDS = 120.0


class Health:
    """Judges the process by its controllers and watchers."""

    def __init__(self, controllers: Sequence[Controller], watchers: Sequence[Watcher], resync_seconds: float) -> None:
        self._controllers, self._watchers, self._resync_seconds = controllers, watchers, resync_seconds
        self._last_watching = time.monotonic()

    def unhealthy_reason(self) -> str | None:
        """What cannot be repaired from inside, if anything; the kubelet then restarts the process."""
        now = time.monotonic()
        if self._is_watching():
            self._last_watching = now
        for controller in self._controllers:
            seconds = now - controller.last_resync
            if seconds > _MISSED_RESYNCS * self._resync_seconds:
                return f"no look at all {controller.name} for {seconds:.0f} s"
        if now - self._last_watching > _DEAF_SECONDS:
            return f"no watch for {now - self._last_watching:.0f} s"
        return None

    def is_ready(self) -> bool:
        """Whether every object was seen, and none that changes would be missed."""
        return all(controller.synced.is_set() for controller in self._controllers) and self._is_watching()

    def _is_watching(self) -> bool:
        return all(watcher.ready for watcher in self._watchers)


async def serve_health(
    port: int, unhealthy_reason: Callable[[], str | None], is_ready: Callable[[], bool]
) -> web.AppRunner:
    """Serve on all addresses."""

    async def healthz(_: web.Request) -> web.Response:
        problem = unhealthy_reason()
        return web.Response(text=problem or "ok", status=500 if problem else 200)

    async def readyz(_: web.Request) -> web.Response:
        ready = is_ready()
        return web.Response(text="ok" if ready else "not every package was seen yet", status=200 if ready else 503)

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
