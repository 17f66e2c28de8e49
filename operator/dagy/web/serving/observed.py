"""The outermost ASGI layer: each request is counted, and has an identifier that the log and the answer carry."""

from __future__ import annotations

import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dagy.adapters import logs
from dagy.core.metrics.metric import Recorder
from dagy.core.metrics.requests import request_samples

_HEADER = "X-Request-ID"
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What is taken over from a client or a proxy: nothing that could forge a line of a log."""
_NO_ANSWER = 500


class Observed:
    """See above."""

    def __init__(self, app: ASGIApp, *, record: Recorder) -> None:
        self._app, self._record = app, record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, began, counted = _identifier(Headers(scope=scope).get(_HEADER, "")), time.monotonic(), False

        def count(code: int) -> None:
            nonlocal counted
            if not counted:
                counted = True
                self._record(request_samples(scope["path"], scope["method"], code, time.monotonic() - began))

        async def answered(message: Message) -> None:
            if message["type"] == "http.response.start":
                count(message["status"])
                MutableHeaders(scope=message)[_HEADER] = request
            await send(message)

        try:
            with logs.about(request=request):
                await self._app(scope, receive, answered)
        except Exception:
            count(_NO_ANSWER)
            raise


def _identifier(given: str) -> str:
    return given if _IDENTIFIER.fullmatch(given) else uuid.uuid4().hex
