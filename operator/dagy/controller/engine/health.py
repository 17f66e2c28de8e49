"""/healthz and /readyz for the kubelet."""

from __future__ import annotations

import time
from collections.abc import Sequence

from aiohttp import web

from dagy.controller.engine.controller import LONGEST_RESYNC_SECONDS, Controller
from dagy.controller.engine.watch import Watcher

_MISSED_RESYNCS = 3
_DEAF_SECONDS = 120.0


class Health:
    """Judges the process by the controller that must never rest, and by its watchers."""

    def __init__(self, controller: Controller, watchers: Sequence[Watcher], resync_seconds: float) -> None:
        self._controller, self._watchers = controller, watchers
        self._overdue_seconds = _MISSED_RESYNCS * max(resync_seconds, LONGEST_RESYNC_SECONDS)
        self._last_watching = time.monotonic()

    def unhealthy_reason(self) -> str | None:
        """Return the fault that can't be repaired from inside, upon which the kubelet restarts the process, or None."""
        now = time.monotonic()
        if self._is_watching():
            self._last_watching = now
        seconds = now - self._controller.last_resync
        if seconds > self._overdue_seconds:
            return f"no look at all {self._controller.name} for {seconds:.0f} s"
        if now - self._last_watching > _DEAF_SECONDS:
            return f"no watch for {now - self._last_watching:.0f} s"
        return None

    def is_ready(self) -> bool:
        """Return True when every object was seen, and no change of one would be missed."""
        return self._controller.synced.is_set() and self._is_watching()

    async def serve(self, port: int) -> web.AppRunner:
        """Serve /healthz and /readyz on all addresses."""

        async def healthz(_: web.Request) -> web.Response:
            problem = self.unhealthy_reason()
            return web.Response(text=problem or "ok", status=500 if problem else 200)

        async def readyz(_: web.Request) -> web.Response:
            ready = self.is_ready()
            return web.Response(text="ok" if ready else "not every package was seen yet", status=200 if ready else 503)

        app = web.Application()
        app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, port=port).start()
        return runner

    def _is_watching(self) -> bool:
        return all(watcher.ready for watcher in self._watchers)
