"""Reading uploads to their end, which takes as long as the store takes: once for each object, whoever asks."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from dagy.adapters.presigned import PresignedStore, Stored
from dagy.core.common.keys import ObjectKey
from dagy.core.rest.reasons import ApiReason
from dagy.web.serving.pools import Pool
from dagy.web.serving.problems import ProblemError

_WAIT_SECONDS = 20.0
"""Shorter than clients wait for an answer."""
_KEPT = 1000
_Object = tuple[str, str]


class Verifications:
    """Of one process. What was read is remembered by key and ETag, so that repeating a completion reads nothing."""

    def __init__(self, pool: Pool, wait_seconds: float = _WAIT_SECONDS) -> None:
        self._pool, self._wait = pool, wait_seconds
        self._known: OrderedDict[_Object, Stored] = OrderedDict()
        self._running: dict[_Object, asyncio.Future[Stored | None]] = {}

    async def stored(self, files: PresignedStore, key: ObjectKey, limit: int) -> Stored | None:
        """Return the whole object; None when there is none. Raises ProblemError while it is still being read."""
        etag = await asyncio.to_thread(files.etag, key)
        if etag is None:
            return None
        which = key.text, etag
        if which in self._known:
            return self._known[which]
        running = self._running.get(which)
        if running is None:
            running = asyncio.ensure_future(self._pool.run(lambda: files.read(key, limit)))
            self._running[which] = running
            running.add_done_callback(lambda done: self._ended(which, done))
        done, _ = await asyncio.wait({running}, timeout=self._wait)
        if not done:
            raise ProblemError(
                ApiReason.BUSY,
                "The upload is still being read, to find out whether it arrived whole. Complete it again in a moment.",
                headers={"Retry-After": "5"},
            )
        return running.result()

    def _ended(self, which: _Object, done: asyncio.Future[Stored | None]) -> None:
        del self._running[which]
        found = None if done.cancelled() or done.exception() else done.result()
        if found:
            self._known[which] = found
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
