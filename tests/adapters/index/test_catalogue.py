"""Searching with what there is, step by step with less; and how often the index is asked."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from dagy.adapters.index.catalogue import Found, IndexCatalogue
from dagy.adapters.index.directory import IndexDirectory
from dagy.adapters.index.projects import IndexProjects
from dagy.adapters.index.source import IndexAwayError, IndexPlace, IndexSource
from dagy.core.index.known_names import NumberedNames
from dagy.core.index.search import normalized_query
from dagy.model.rest.index import IndexState as S
from dagy_builder.target import Target
from tests.fakes.index import Index, Release, serve

T = TypeVar("T")
TARGET = Target("3.12", "amd64", "2.28")


class Clock:
    """Time that a test lets pass."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def in_a_thread(work: Callable[[], T]) -> T:
    return await asyncio.to_thread(work)


@pytest.fixture
def index() -> Iterator[Index]:
    with serve(Release("pandas", "2.0"), Release("torch", "2.1")) as running:
        running.names = ["numpy"]
        running.speaks_json = running.etags = True
        yield running


class Catalogue:
    """A catalogue, its clock, and what asks it in one event loop."""

    def __init__(self, url: str, popular: Path | None = None, first_load_seconds: float = 30.0) -> None:
        self.clock = Clock()
        source = IndexSource(IndexPlace(url, proxies={}), "dagy-test")
        directory = IndexDirectory(
            source, in_a_thread, popular, first_load_seconds=first_load_seconds, clock=self.clock
        )
        self.whole = IndexCatalogue(directory, IndexProjects(source, in_a_thread, clock=self.clock), in_a_thread)

    async def search(self, typed: str, **used: int) -> Found:
        async def names_used() -> NumberedNames:
            return NumberedNames(used)

        return await self.whole.search(normalized_query(typed), names_used(), 20)


def names(found: Found) -> list[str]:
    return [hit.name for hit in found.hits]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def test_the_index_is_asked_when_somebody_searches_and_once_for_all(index: Index) -> None:
    async def scenario() -> None:
        catalogue = Catalogue(index.url)
        assert index.requests == []
        found = await asyncio.gather(*(catalogue.search("pan") for _ in range(20)))
        assert {tuple(names(one)) for one in found} == {("pandas",)}
        assert found[0].listing.state is S.COMPLETE
        assert found[0].listing.as_of
        assert index.requests == ["/simple/"]
        catalogue.clock.now += 5 * 3600
        await catalogue.search("pan")
        assert index.requests == ["/simple/"]

    asyncio.run(scenario())


def test_after_hours_it_is_asked_again_and_the_old_list_serves_meanwhile(index: Index) -> None:
    async def scenario() -> None:
        catalogue = Catalogue(index.url)
        await catalogue.search("pan")
        catalogue.clock.now += 8 * 3600
        index.names = ["numpy", "pancake"]
        assert names(await catalogue.search("pan")) == ["pandas"]
        await until(lambda: len(index.requests) == 2)
        async with asyncio.timeout(20):
            while names(await catalogue.search("pan")) != ["pandas", "pancake"]:
                await asyncio.sleep(0.01)
        catalogue.clock.now += 8 * 3600  # unchanged: it stays
        await catalogue.search("pan")
        await until(lambda: len(index.requests) == 3)
        assert names(await catalogue.search("pan")) == ["pandas", "pancake"]

    asyncio.run(scenario())


def test_an_old_list_serves_while_the_index_is_away(index: Index) -> None:
    async def scenario() -> None:
        catalogue = Catalogue(index.url)
        before = await catalogue.search("pan")
        catalogue.clock.now += 8 * 3600
        index.status = 503
        await catalogue.search("pan")
        async with asyncio.timeout(20):
            while (found := await catalogue.search("pan")).listing.message is None:
                await asyncio.sleep(0.01)
        assert names(found) == ["pandas"]
        assert found.listing.state is S.COMPLETE
        assert found.listing.as_of == before.listing.as_of
        assert "503" in found.listing.message

    asyncio.run(scenario())


def test_without_a_list_the_very_name_is_found(index: Index) -> None:
    async def scenario() -> None:
        index.names = None
        catalogue = Catalogue(index.url)
        found = await catalogue.search("Torch>=2", pytorch=3)
        assert names(found) == ["torch"]
        assert found.listing.state is S.EXACT_ONLY
        assert found.listing.message
        assert "404" in found.listing.message
        assert names(await catalogue.search("tor", **{"torch": 1, "torchvision": 1})) == ["torch", "torchvision"]
        assert index.requests.count("/simple/") == 1
        for _ in range(5):
            assert names(await catalogue.search("nothing")) == []
        assert index.requests.count("/simple/nothing/") == 1

    asyncio.run(scenario())


def test_while_the_first_list_comes_the_very_name_is_found(index: Index) -> None:
    async def scenario() -> None:
        def slow() -> Iterator[bytes]:
            time.sleep(1)
            yield b'{"projects":[{"name":"pandas"},{"name":"pandas2"}]}'

        index.raw = {"/simple/": slow}
        index.raw_headers = {"Content-Type": "application/json"}
        catalogue = Catalogue(index.url, first_load_seconds=0.0)
        found = await catalogue.search("pandas")
        assert found.listing.state is S.REFRESHING
        assert names(found) == ["pandas"]
        async with asyncio.timeout(20):
            while (found := await catalogue.search("pandas")).listing.state is not S.COMPLETE:
                await asyncio.sleep(0.05)
        assert names(found) == ["pandas", "pandas2"]

    asyncio.run(scenario())


def test_all_searches_together_wait_once_for_the_first_list(index: Index) -> None:
    async def scenario() -> None:
        arrived = threading.Event()

        def late() -> Iterator[bytes]:
            arrived.wait(60)
            yield b'{"projects":[{"name":"pandas"}]}'

        index.raw = {"/simple/": late}
        index.raw_headers = {"Content-Type": "application/json"}
        catalogue = Catalogue(index.url, first_load_seconds=3600)
        first = asyncio.create_task(catalogue.search("pandas"))
        await until(lambda: index.requests == ["/simple/"])
        catalogue.clock.now += 3601
        assert (await asyncio.wait_for(catalogue.search("pandas"), 30)).listing.state is S.REFRESHING
        assert not first.done()
        arrived.set()
        assert (await first).listing.state is S.COMPLETE

    asyncio.run(scenario())


def test_without_an_index_names_that_packages_use_are_found() -> None:
    async def scenario() -> None:
        with serve() as gone:
            url = gone.url
        catalogue = Catalogue(url)
        found = await catalogue.search("pan", pandas=2)
        assert names(found) == ["pandas"]
        assert found.listing.state is S.OFFLINE
        with pytest.raises(IndexAwayError):
            await catalogue.whole.project("pandas", TARGET, sources=False, prereleases=False)

    asyncio.run(scenario())


def test_an_index_that_comes_back_is_found_after_a_minute(index: Index) -> None:
    async def scenario() -> None:
        index.status = 503
        catalogue = Catalogue(index.url)
        assert (await catalogue.search("pan")).listing.state is S.OFFLINE
        index.status = None
        assert (await catalogue.search("pan")).listing.state is S.OFFLINE
        catalogue.clock.now += 75
        assert (await catalogue.search("pan")).listing.state is S.COMPLETE

    asyncio.run(scenario())


def test_a_list_of_popular_names_counts_with_and_without_an_index(index: Index, tmp_path: Path) -> None:
    async def scenario() -> None:
        popular = tmp_path / "names.txt"
        popular.write_text("pandas\n")
        index.names = ["pan", "panda"]
        assert names(await Catalogue(index.url, popular).search("pan")) == ["pan", "pandas", "panda"]
        index.status = 503
        assert names(await Catalogue(index.url, popular).search("pan")) == ["pandas"]

    asyncio.run(scenario())


def test_a_project_is_kept_for_minutes_and_then_asked_about(index: Index) -> None:
    async def scenario() -> None:
        catalogue = Catalogue(index.url)

        async def newest() -> str:
            project = await catalogue.whole.project("pandas", TARGET, sources=False, prereleases=False)
            assert project
            return str(project.releases.newest)

        assert await asyncio.gather(*(newest() for _ in range(10))) == ["2.0"] * 10
        assert index.requests == ["/simple/pandas/"]
        index.releases.append(Release("pandas", "2.1"))
        assert await newest() == "2.0"
        catalogue.clock.now += 601
        assert await newest() == "2.1"
        catalogue.clock.now += 601
        assert await newest() == "2.1"  # 304
        index.status = 503
        catalogue.clock.now += 601
        assert await newest() == "2.1"  # stale while it is away
        assert len(index.requests) == 4

    asyncio.run(scenario())
