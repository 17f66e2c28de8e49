"""Putting the parts together that search one index."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dagy.adapters.index.catalogue import IndexCatalogue
from dagy.adapters.index.directory import IndexDirectory, Runs
from dagy.adapters.index.projects import IndexProjects
from dagy.adapters.index.source import IndexPlace, IndexSource
from dagy.adapters.settings.api import ApiSettings
from dagy.core.metrics.metric import Recorder, unrecorded
from dagy.core.metrics.requests import index_samples
from dagy_builder.contract import PYPI


@dataclass(frozen=True)
class Threads:
    """Who does what takes time: three, so that none of them waits for another."""

    listing: Runs
    fetching: Runs
    searching: Runs


def catalogue(
    settings: ApiSettings, user_agent: str, threads: Threads, record: Recorder = unrecorded
) -> IndexCatalogue:
    """Return the catalogue of the configured index, which nobody has asked yet. `record` counts requests to it.

    Raises ValueError when its URL can't be read.
    """
    source = IndexSource(place_of(settings), user_agent, lambda answered: record(index_samples(answered=answered)))
    popular = Path(settings.popular_names) if settings.popular_names else None
    directory = IndexDirectory(source, threads.listing, popular)
    return IndexCatalogue(directory, IndexProjects(source, threads.fetching), threads.searching)


def place_of(settings: ApiSettings) -> IndexPlace:
    """Return where the configured index is. Without proxies in the settings, those of the environment count."""
    proxies = {"http": settings.http_proxy, "https": settings.https_proxy, "no": settings.no_proxy}
    given = {name: value for name, value in proxies.items() if value}
    folder = Path(settings.index_credentials) if settings.index_credentials else None
    return IndexPlace(settings.index_url or PYPI, folder, given or None)
