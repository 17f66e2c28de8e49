"""Pages of single projects: fetched when somebody asks, kept in bounded memory, asked for again after minutes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from dagy.adapters.index.directory import Runs
from dagy.adapters.index.source import Fetched, IndexAwayError, IndexSource
from dagy.adapters.packages.bounded_cache import WeighedCache
from dagy_builder.indexes.page import IndexPage

_FRESH_SECONDS = 600.0
_UNKNOWN_SECONDS = 60.0
"""A name that the index does not know, it may know soon."""
_ASK_SECONDS = 45.0
"""Longer than all timeouts of a request together, but for an index that sends its headers letter by letter."""
_KEPT_BYTES = 16 << 20
_BYTES_PER_FILE, _BYTES_PER_PAGE = 400, 2000
"""Measured generously: a file shares its version, tags and Requires-Python with others."""


@dataclass(frozen=True)
class _Kept:
    page: IndexPage | None
    etag: str
    until: float


class IndexProjects:
    """Pages by normalized name. It belongs to one event loop; the work is done in threads."""

    def __init__(self, source: IndexSource, run: Runs, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._source, self._run, self._clock = source, run, clock
        self._kept: WeighedCache[str, _Kept] = WeighedCache(_KEPT_BYTES)
        self._asked: dict[str, asyncio.Task[IndexPage | None]] = {}

    async def page(self, name: str) -> IndexPage | None:
        """Return the page, or None when the index has no such project. Raises IndexAwayError and what `run` raises."""
        kept = self._kept.get(name)
        if kept and kept.until > self._clock():
            return kept.page
        asked = self._asked.get(name)
        if asked is None:
            asked = self._asked[name] = asyncio.create_task(self._ask(name, kept))
            asked.add_done_callback(lambda done: self._ended(name, done))
        return await asyncio.shield(asked)  # it goes on for the others when one of them leaves

    async def _ask(self, name: str, kept: _Kept | None) -> IndexPage | None:
        etag = kept.etag if kept else ""
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                found = await self._run(lambda: self._source.page(name, etag))
        except (IndexAwayError, TimeoutError) as error:
            if kept is None or kept.page is None:
                if isinstance(error, IndexAwayError):
                    raise
                raise IndexAwayError("The package index does not answer in time.") from error
            found = Fetched(kept.page, kept.etag)
        page, etag = (found.value, found.etag) if found else (kept.page if kept else None, etag)
        seconds = _FRESH_SECONDS if page else _UNKNOWN_SECONDS
        weight = _BYTES_PER_PAGE + (_BYTES_PER_FILE * len(page.files) if page else 0)
        self._kept.put(name, _Kept(page, etag, self._clock() + seconds), weight)
        return page

    def _ended(self, name: str, done: asyncio.Task[IndexPage | None]) -> None:
        del self._asked[name]
        if not done.cancelled():
            done.exception()  # its askers may all have left
