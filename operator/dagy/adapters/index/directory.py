"""The names of the index: loaded when somebody searches, kept for hours, and never waited for longer than a moment."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from dagy.adapters.index.source import IndexAwayError, IndexSource, NoListError
from dagy.core.index.known_names import NumberedNames, popular_names
from dagy.core.index.names import IndexNames
from dagy.model.rest.index import IndexState

log = logging.getLogger(__name__)

T = TypeVar("T")

_FRESH_SECONDS = 6 * 3600.0
_NO_LIST_SECONDS = 3600.0
_AWAY_SECONDS = 60.0
_LOAD_SECONDS = 120.0
"""Longer than all timeouts of a request together, but for an index that sends its headers letter by letter."""
_JITTER = 0.2
"""So that replicas do not ask together."""
_FIRST_LOAD_SECONDS = 2.0
"""How long searches wait for the first list, all of them together: somebody is typing."""
_POPULAR_BYTES = 2_000_000


class Runs(Protocol):
    """Calls a function in a thread."""

    async def __call__(self, work: Callable[[], T]) -> T:
        """Return the work's result or raise its error."""


@dataclass(frozen=True)
class Listing:
    """What is known of the index's names."""

    state: IndexState
    names: IndexNames | None = None
    """Kept when the index goes away."""
    as_of: datetime | None = None
    """When the index told them, or that they are unchanged."""
    message: str | None = None
    """What stands in the way, in a sentence."""
    popular: NumberedNames = field(default_factory=NumberedNames)
    """Names of the administrator's list, to their place in it."""


class IndexDirectory:
    """One list for all. It belongs to one event loop; the work is done in threads."""

    def __init__(
        self,
        source: IndexSource,
        run: Runs,
        popular: Path | None = None,
        *,
        first_load_seconds: float = _FIRST_LOAD_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._run, self._popular = source, run, popular
        self._first_load_seconds, self._clock = first_load_seconds, clock
        self._listing = Listing(IndexState.REFRESHING)
        self._etag = ""
        self._due = -1.0
        self._waited_for = -1.0
        self._loading: asyncio.Task[None] | None = None

    async def listing(self) -> Listing:
        """Return what is known. What is old is asked for again meanwhile; only a first list is waited for, shortly."""
        if self._loading is None and self._due <= self._clock():
            self._loading = asyncio.create_task(self._load())
            self._waited_for = self._clock() + self._first_load_seconds
        left = self._waited_for - self._clock()
        if self._loading and self._listing.names is None and left > 0:
            await asyncio.wait({self._loading}, timeout=left)
        return self._listing

    def close(self) -> None:
        """Give up what is being loaded."""
        if self._loading:
            self._loading.cancel()

    async def _load(self) -> None:
        before, popular = self._listing, self._listing.popular
        try:
            async with asyncio.timeout(_LOAD_SECONDS):
                popular = await self._run(lambda: _popular(self._popular))
                found = await self._run(lambda: self._source.names(self._etag))
            names, self._etag = (found.value, found.etag) if found else (before.names, self._etag)
            self._listing = Listing(IndexState.COMPLETE, names, datetime.now(UTC), None, popular)
            again = _FRESH_SECONDS
        except NoListError as error:
            self._listing = _without(before, popular, IndexState.EXACT_ONLY, str(error))
            again = _NO_LIST_SECONDS
        except Exception as error:
            known = isinstance(error, IndexAwayError)
            if not known:
                log.exception("The names of the package index can't be loaded")
            message = str(error) if known else "The package index gives no list of its names in time."
            self._listing = _without(before, popular, IndexState.OFFLINE, message)
            again = _AWAY_SECONDS
        finally:
            self._loading = None
        self._due = self._clock() + again * random.uniform(1, 1 + _JITTER)  # noqa: S311 no secret


def _without(before: Listing, popular: NumberedNames, state: IndexState, message: str) -> Listing:
    """An older list goes on to serve, with its age."""
    if before.names:
        return Listing(IndexState.COMPLETE, before.names, before.as_of, message, popular)
    return Listing(state, message=message, popular=popular)


def _popular(path: Path | None) -> NumberedNames:
    """The administrator's list; empty when there is none that can be read."""
    if path is None:
        return NumberedNames()
    try:
        with path.open("rb") as file:
            return popular_names(file.read(_POPULAR_BYTES).decode("utf-8", errors="replace"))
    except OSError:
        return NumberedNames()
