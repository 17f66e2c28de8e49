"""From settings to a catalogue: nothing is asked before somebody searches, and proxies are the settings' own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from dagy.adapters.index.opening import Threads, catalogue
from dagy.adapters.settings.api import ApiSettings
from tests.fakes.index import serve

T = TypeVar("T")


async def unused(work: Callable[[], T]) -> T:
    raise AssertionError


THREADS = Threads(unused, unused, unused)


def test_nothing_is_asked_at_the_start() -> None:
    with serve() as index:
        catalogue(ApiSettings(index_url=index.url), "dagy-test", THREADS).close()
        assert index.requests == []


@pytest.mark.parametrize("url", ["https://user:secret@h/simple", "no url"])
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(ValueError, match=r"it holds a (user name|space)"):
        catalogue(ApiSettings(index_url=url), "dagy-test", THREADS)
