"""Answers of server-sent events (WHATWG HTML, 9.2), which show a reader that they live, and tell when they end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

from fastapi.responses import StreamingResponse

MEDIA_TYPE = "text/event-stream"
HEARTBEAT_SECONDS = 15.0
_HEARTBEAT = b":\n\n"
UNBUFFERED = {"X-Accel-Buffering": "no"}
"""Headers of an answer that comes bit by bit: nginx and its kin would keep it until they have some kilobytes of it."""


def event(kind: str, data: str, identifier: str = "") -> bytes:
    """One event, of JSON in one line."""
    place = f"id: {identifier}\n" if identifier else ""
    return f"event: {kind}\n{place}data: {data}\n\n".encode()


def reset(reason: str, detail: str) -> bytes:
    """The last event: what was told so far holds no more, and has to be asked for anew."""
    return event("reset", json.dumps({"reason": reason, "detail": detail}))


def answer(chunks: AsyncGenerator[bytes, None]) -> StreamingResponse:
    """The answer with these events."""
    return StreamingResponse(chunks, media_type=MEDIA_TYPE, headers=UNBUFFERED)


async def alive(
    chunks: AsyncGenerator[bytes, None], ending: asyncio.Event, seconds: float = HEARTBEAT_SECONDS
) -> AsyncGenerator[bytes, None]:
    """The chunks, with a comment after so many seconds without one, and a reset when `ending` is set."""
    over: asyncio.Future[object] = asyncio.ensure_future(ending.wait())
    coming: asyncio.Future[bytes] | None = None
    async with aclosing(chunks):
        try:
            while True:
                coming = coming or asyncio.ensure_future(anext(chunks))
                both: set[asyncio.Future[Any]] = {coming, over}
                await asyncio.wait(both, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                if coming.done():
                    done, coming = coming, None
                    try:
                        yield done.result()
                    except StopAsyncIteration:
                        return
                elif over.done():
                    yield reset("Shutdown", "This replica of the API ends. Another one answers: list anew.")
                    return
                else:
                    yield _HEARTBEAT
        finally:
            over.cancel()
            if coming:  # a generator that runs can't be closed
                coming.cancel()
                while not coming.done():
                    with suppress(asyncio.CancelledError):  # anyio cancels each wait anew, and this one has an end
                        await asyncio.wait({coming})
