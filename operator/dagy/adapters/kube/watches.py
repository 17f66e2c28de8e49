"""Watching objects as whoever asks: what has changed since a resourceVersion, in order, for as long as one may."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import aiohttp

from dagy.adapters.kube.api import Json, KubeApi, KubeError

RIGHTS_SECONDS = 30
"""A watch is asked for anew after so long, because rights are looked at only when it begins."""
_IDLE_SECONDS = 2.0 * RIGHTS_SECONDS
_PAUSE_SECONDS = 1.0
"""Between the beginnings of two watches, where the server ends them at once."""
_EVENT_BYTES = 8 << 20
"""Of one event: much more than an object of a cluster may have (etcd takes 1.5 MiB)."""


async def changes(
    api: KubeApi, path: str, version: str, seconds: int = RIGHTS_SECONDS
) -> AsyncGenerator[list[Json], None]:
    """Watch events ({type, object}) of the list at `path` since `version`, those together that came together.

    Empty once the watch has begun. Bookmarks are among them; errors are not. Raises KubeError: 410 when `version` is
    too old, 401 or 403 as soon as the caller's right is found to have ended; and what no answer raises.
    """
    while True:
        begun = time.monotonic()
        query: dict[str, Any] = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": seconds}
        query["resourceVersion"] = version
        async with api.streaming(path, query=query, idle_seconds=_IDLE_SECONDS) as chunks:
            yield []
            try:
                async for events in _events(chunks):
                    yield events
                    version = events[-1]["object"]["metadata"]["resourceVersion"]
            except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, TimeoutError):
                pass  # it is asked for anew, and whether the server is there is seen then
        await asyncio.sleep(max(0.0, begun + _PAUSE_SECONDS - time.monotonic()))


async def _events(chunks: AsyncIterator[bytes]) -> AsyncGenerator[list[Json], None]:
    """The events, each of which is a line. Raises KubeError for one that says what is wrong."""
    held = bytearray()
    async for chunk in chunks:
        held += chunk
        if b"\n" in chunk:
            *lines, rest = held.split(b"\n")
            held = rest
            yield [_event(line) for line in lines]
        if len(held) > _EVENT_BYTES:
            raise KubeError(413, "RequestEntityTooLarge", "An object is larger than any of a cluster.")


def _event(line: bytes | bytearray) -> Json:
    event: Json = json.loads(line)
    if event["type"] == "ERROR":
        status = event["object"]
        raise KubeError(int(status.get("code") or 0), str(status.get("reason", "")), str(status.get("message", "")))
    return event
