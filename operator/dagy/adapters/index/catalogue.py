"""What the API tells of its index: hits for what somebody types, and the releases of a project. Step by step with less.

The full list of names; without one the very name that was typed, if the index has it; without the index the names that
the caller's packages use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace

from dagy.adapters.index.directory import IndexDirectory, Listing, Runs
from dagy.adapters.index.projects import IndexProjects
from dagy.adapters.index.source import IndexAwayError
from dagy.core.index.known_names import KnownNames, NumberedNames
from dagy.core.index.releases import ProjectReleases, releases_of
from dagy.core.index.search import Hit, search
from dagy.model.rest.index import IndexState
from dagy_builder.target import Target

_ASKS_FOR_NAME = (IndexState.EXACT_ONLY, IndexState.REFRESHING)


@dataclass(frozen=True)
class Found:
    """The answer to a search."""

    hits: Sequence[Hit]
    known: KnownNames
    listing: Listing


@dataclass(frozen=True)
class Project:
    """A project of the index, measured against a target."""

    status: str | None
    """What is said of the project (PEP 792); None when nothing is."""
    releases: ProjectReleases


class IndexCatalogue:
    """One index. It belongs to one event loop; what takes time is done in threads by `run`."""

    def __init__(self, directory: IndexDirectory, projects: IndexProjects, run: Runs) -> None:
        self._directory, self._projects, self._run = directory, projects, run

    async def search(self, query: str, used: Awaitable[NumberedNames], most: int) -> Found:
        """Search for a `normalized_query`. Raises what `run` raises.

        `used` gives the names that packages use, to the number of those packages. Both lists are waited for at once.
        """
        listing, names_used = await asyncio.gather(self._directory.listing(), used)
        known = KnownNames(names_used, listing.popular)
        exists = False
        if listing.names is None and query and listing.state in _ASKS_FOR_NAME:
            try:
                exists = await self._projects.page(query.rstrip("-")) is not None
            except IndexAwayError as error:
                listing = replace(listing, state=IndexState.OFFLINE, message=str(error))
        names = listing.names
        hits = await self._run(lambda: search(query, names, known, exists=exists, most=most))
        return Found(hits, known, listing)

    async def project(self, name: str, target: Target, *, sources: bool, prereleases: bool) -> Project | None:
        """Return the project of a normalized name; None when the index has none. Raises IndexAwayError."""
        page = await self._projects.page(name)
        if page is None:
            return None
        releases = await self._run(lambda: releases_of(page, target, sources=sources, prereleases=prereleases))
        return Project(page.status, releases)

    def close(self) -> None:
        """Give up what is being loaded."""
        self._directory.close()
