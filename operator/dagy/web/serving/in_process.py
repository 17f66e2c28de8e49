"""A server for an API that lives no longer than one command."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import uvicorn
from fastapi import FastAPI
from typing_extensions import override


class ShortLivedServer(uvicorn.Server):
    """Ends as soon as it is told to. uvicorn's own looks ten times a second whether it should, and takes leave."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none"))
        self._loop, self._told = asyncio.get_running_loop(), asyncio.Event()

    def stop(self) -> None:
        """End. May be called from any thread, and when it has ended."""
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._told.set)

    @override
    async def main_loop(self) -> None:
        await self._told.wait()

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
