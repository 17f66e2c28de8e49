"""Serving HTTP to strangers: connections are bounded in number, and none is kept open by a peer that does nothing.

uvicorn bounds neither how long a request's head may take nor how long an answer may wait to be read.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import sys
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override
from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 250
"""In one process. Each takes some 300 kB with TLS, before anything was sent."""
HEAD_SECONDS = 10.0
"""From the connection, or the answer before, until a request's head is complete."""
STALLED_SECONDS = 60.0
"""Seconds that an answer may wait for its reader."""
GRACE_SECONDS = 20
SWITCH_SECONDS = 0.0005
"""Seconds that a computing thread may keep the interpreter from the event loop, which gives it up at each read."""
PEER_CERTIFICATE = "peer_certificate"
"""In the state of each request: what `ssl.SSLSocket.getpeercert` gives, where a client certificate was verified."""


class _Deadline:
    """Calls something, unless it is met before; setting it again does not move it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timer: asyncio.TimerHandle | None = None

    def set(self, missed: Callable[[], None]) -> None:
        self._timer = self._timer or asyncio.get_running_loop().call_later(self._seconds, missed)

    def met(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None


class BoundedProtocol(H11Protocol):
    """One connection, which is dropped when its peer takes too long, or when there are too many."""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head, self._reader = _Deadline(HEAD_SECONDS), _Deadline(STALLED_SECONDS)
        session: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        self.app_state = {**self.app_state, PEER_CERTIFICATE: session.getpeercert() if session else None}
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self._await_head()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._await_head()

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._head.met()
        self._reader.met()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._reader.set(self.transport.abort)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self._reader.met()

    def _await_head(self) -> None:
        """One deadline for a whole head, however often bytes of it come."""
        answering = self.cycle is not None and not self.cycle.response_complete  # type: ignore[redundant-expr]
        if answering:
            self._head.met()
        else:
            self._head.set(self.transport.abort)


class _Server(uvicorn.Server):
    """Calls `ending` before it waits for what is under way."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending()
        await super().shutdown(sockets)


def server(
    app: ASGIApp,
    host: str,
    port: int,
    context: Callable[[], ssl.SSLContext] | None = None,
    ending: Callable[[], None] = lambda: None,
) -> uvicorn.Server:
    """A server that is not running yet; with TLS, if there is a context. `ending` is called when it is to end."""
    # What strangers send that is no HTTP is nothing to report, or they would fill the log.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    sys.setswitchinterval(SWITCH_SECONDS)
    tls: dict[str, Any] = {"ssl_context_factory": lambda *_: context()} if context else {}
    return _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=BoundedProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=GRACE_SECONDS,
            **tls,
        ),
        ending,
    )
