"""What packages ask for: read with the caller's rights, once for all who wait, and never waited for long."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from dagy.adapters.index import used_names as module
from dagy.adapters.index.used_names import UsedNames
from dagy.adapters.kube.api import KubeApi, KubeError
from dagy.adapters.kube.objects import Page


class Pages:
    """A cluster's answers to lists of packages."""

    def __init__(self, *dependencies: Sequence[str]) -> None:
        self.packages = [{"spec": {"dependencies": list(one)}} for one in dependencies]
        self.error: Exception | None = None
        self.answering = asyncio.Event()
        self.answering.set()
        self.asked: list[tuple[str, str]] = []

    async def page(self, path: str, limit: int, token: str) -> Page:
        self.asked.append((path, token))
        await self.answering.wait()
        if self.error:
            raise self.error
        at = int(token or 0)
        following = str(at + limit) if at + limit < len(self.packages) else ""
        return Page(self.packages[at : at + limit], following, "1")

    @property
    def api(self) -> KubeApi:
        return cast(KubeApi, self)


def test_names_are_counted_page_by_page_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAGE", 2)
    monkeypatch.setattr(module, "_PACKAGES", 4)

    async def scenario() -> None:
        pages = Pages(["a", "b"], ["A>=1"], ["b"], ["b"], ["never-seen"])
        assert (await UsedNames().of("alice", pages.api, "team-a")).numbers == {"b": 3, "a": 2}
        assert [token for _, token in pages.asked] == ["", "2"]
        assert pages.asked[0][0].endswith("/namespaces/team-a/deppackages")

    asyncio.run(scenario())


def test_one_look_for_all_who_ask_and_none_for_those_who_ask_again() -> None:
    async def scenario() -> None:
        pages, used = Pages(["a"]), UsedNames()
        found = await asyncio.gather(*(used.of("alice", pages.api, None) for _ in range(9)))
        assert [one.numbers for one in found] == [{"a": 1}] * 9
        assert (await used.of("alice", pages.api, None)).numbers == {"a": 1}
        assert len(pages.asked) == 1

    asyncio.run(scenario())


def test_nobody_gets_what_was_read_for_others() -> None:
    async def scenario() -> None:
        mine, theirs, used = Pages(["mine"]), Pages(["theirs"]), UsedNames()
        assert (await used.of("alice", mine.api, "team-a")).numbers == {"mine": 1}
        assert (await used.of("bob", theirs.api, "team-a")).numbers == {"theirs": 1}
        assert (await used.of("alice", theirs.api, "team-b")).numbers == {"theirs": 1}

    asyncio.run(scenario())


@pytest.mark.parametrize("error", [KubeError(403, "Forbidden", "no"), KubeError(500, "Oops", "no"), OSError("gone")])
def test_a_search_goes_without_where_nothing_can_be_read(error: Exception) -> None:
    async def scenario() -> None:
        pages = Pages(["a"])
        pages.error = error
        assert (await UsedNames().of("alice", pages.api, None)).numbers == {}

    asyncio.run(scenario())


def test_a_cluster_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.01)

    async def scenario() -> None:
        pages, used = Pages(["a"]), UsedNames()
        pages.answering.clear()
        assert (await used.of("alice", pages.api, None)).numbers == {}
        pages.answering.set()
        async with asyncio.timeout(20):
            while (await used.of("alice", pages.api, None)).numbers != {"a": 1}:
                await asyncio.sleep(0.01)
        assert len(pages.asked) == 1
        used.close()

    asyncio.run(scenario())
