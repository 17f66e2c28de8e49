"""The ASGI gate before an app: who asks is known before a body is read; bodies are bounded in bytes, time and shape.

The app gets each body whole, so that nothing in it waits for a client.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dagy.core.common.json_text import MAX_VALUES, JsonError, TooMuchJsonError, read_json


@dataclass(frozen=True)
class Allowance:
    """The limits of a request to one route."""

    body_bytes: int = 64 << 10
    body_seconds: float = 15.0
    values: int = MAX_VALUES
    """JSON values in the body."""


class BodyTooLargeError(Exception):
    """More bytes than the route takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body has more than {limit} bytes")
        self.limit = limit


class BodyTooSlowError(Exception):
    """The body did not come in time."""


class BusyError(Exception):
    """The bodies that are being read take all the memory that there is for them."""


class TooManyRequestsError(Exception):
    """One caller has too many requests under way."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit} requests are under way")
        self.limit = limit


Admit = Callable[[Scope], Awaitable[str]]
"""Gives the caller's name, empty for nobody in particular, or raises what the request is refused with."""
CALLER = "caller"
"""In the state of each request: the caller's name."""


class Gate:
    """See above.

    `allowance` gives a request's bounds (None: its body is not read), `refused` the answer to an exception of this
    module's or of `admit`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        allowance: Callable[[Scope], Allowance | None],
        admit: Admit,
        refused: Callable[[Exception], Response],
        bytes_in_flight: int,
        requests_each: int = 0,
    ) -> None:
        """`requests_each`: how many one caller may have under way; any number when 0."""
        self._app, self._allowance, self._admit, self._refused = app, allowance, admit, refused
        self._free, self._each = bytes_in_flight, requests_each
        self._under_way: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return
        try:
            caller = await self._admit(scope)
            limits = self._allowance(scope)
            expected = _expected(scope, limits, self._free) if limits else 0
            if caller and self._each and self._under_way[caller] >= self._each:
                raise TooManyRequestsError(self._each)  # noqa: TRY301 one place answers
        except Exception as error:
            await self._refuse(error, scope, receive, send)
            return
        scope.setdefault("state", {})[CALLER] = caller
        self._free -= expected
        self._under_way[caller] += 1
        try:
            await (self._pass_on(scope, receive, send, limits) if limits else self._app(scope, receive, send))
        finally:
            self._free += expected
            self._under_way[caller] -= 1
            if not self._under_way[caller]:
                del self._under_way[caller]

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, limits: Allowance) -> None:
        try:
            body = await self._read(receive, limits)
            if body is None:
                return
            _check_shape(scope, body, limits)
        except Exception as error:
            await self._refuse(error, scope, receive, send)
            return
        await self._app(scope, _replayed(body, receive), send)

    async def _refuse(self, error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer, and the connection's end where a body was announced: what is unread of it would come next."""
        answer, headers = self._refused(error), Headers(scope=scope)
        if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
            answer.headers["connection"] = "close"
        await answer(scope, receive, send)

    async def _read(self, receive: Receive, limits: Allowance) -> bytes | None:
        """Return the body; None when the client has gone."""
        parts = bytearray()
        try:
            async with asyncio.timeout(limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    parts += message.get("body", b"")
                    if len(parts) > limits.body_bytes:
                        raise BodyTooLargeError(limits.body_bytes)
                    if not message.get("more_body"):
                        return bytes(parts)
        except TimeoutError:
            raise BodyTooSlowError from None


def _expected(scope: Scope, limits: Allowance, free: int) -> int:
    """Bytes that the body may have. Raises BodyTooLargeError or BusyError."""
    headers = Headers(scope=scope)
    announced = headers.get("content-length", "")
    unknown = limits.body_bytes if "transfer-encoding" in headers else 0
    expected = int(announced) if announced.isdecimal() else unknown
    if expected > limits.body_bytes:
        raise BodyTooLargeError(limits.body_bytes)
    if expected > free:
        raise BusyError
    return expected


def _check_shape(scope: Scope, body: bytes, limits: Allowance) -> None:
    kind = Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()
    if body and (kind.endswith("json") or not kind):
        try:
            read_json(body, max_values=limits.values)
        except TooMuchJsonError:
            raise
        except JsonError:
            return  # told better by whoever knows what it should be


def _replayed(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


class Uncached:
    """Says so in each answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""

        async def uncached(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Cache-Control", "no-store")
                headers.setdefault("X-Content-Type-Options", "nosniff")
            await send(message)

        await self._app(scope, receive, uncached)
