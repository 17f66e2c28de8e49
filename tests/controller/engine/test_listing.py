"""A list of all objects: who rests is not looked at, and neither a change nor an end is missed for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from typing_extensions import override

from dagy.adapters.kube.api import Json, KubeApi, KubeError
from dagy.adapters.kube.kind_client import KindClient
from dagy.controller.engine.controller import Controller
from dagy.controller.engine.queue import WorkQueue
from dagy.controller.engine.reconciler import ManagedObject, Rest
from dagy.core.metrics.catalogue import ControllerName
from dagy.model.base import NamespacedName


@pytest.fixture(autouse=True)
def _looks_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses are as short as they are told to be, on a slow machine as well."""
    monkeypatch.setattr("dagy.controller.engine.controller.process_time", lambda: 0.0)


def manifest(name: str, version: int) -> Json:
    metadata = {"namespace": "team-a", "name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"metadata": metadata}


class Objects(KindClient):
    """Objects at their versions; `before` is called before each of a list's items is handed out."""

    def __init__(self, **versions: int) -> None:
        super().__init__(KubeApi.__new__(KubeApi), "Thing", "things")
        self.now, self.shown = versions, versions
        self.before: Callable[[str], None] = lambda _: None
        self.away, self.lists, self._done = 0, 0, asyncio.Condition()

    @override
    async def get(self, key: NamespacedName) -> Json | None:
        return manifest(key.name, self.now[key.name]) if key.name in self.now else None

    @override
    async def all(self, namespaces: tuple[str, ...]) -> AsyncIterator[Json]:
        if self.away:
            self.away -= 1
            raise KubeError(503, "", "away")
        for name, version in list(self.shown.items()):
            self.before(name)
            yield manifest(name, version)
            await asyncio.sleep(0)
        async with self._done:
            self.lists += 1
            self._done.notify_all()

    async def listed(self, count: int) -> None:
        """Wait until so many lists were made."""
        async with self._done:
            await asyncio.wait_for(self._done.wait_for(lambda: self.lists >= count), 20)


class Looks:
    """A reconciler of which each look is noted; those in `resting` rest."""

    def __init__(self, *resting: str) -> None:
        self.resting: dict[str, Rest] = {name: Rest() for name in resting}
        self.on_look: Callable[[], None] = lambda: None
        self.looked, self.judged, self.forgotten = list[str](), list[str](), list[str]()

    async def reconcile(self, obj: ManagedObject) -> float | None:
        self.looked.append(obj.key.name)
        self.on_look()
        return None

    async def finalize(self, obj: ManagedObject) -> float | None:
        return None

    def rest(self, manifest: Json, now: datetime) -> Rest | None:
        name = manifest["metadata"]["name"]
        self.judged.append(name)
        return self.resting.get(name)

    def forget(self, key: NamespacedName) -> None:
        self.forgotten.append(key.name)


class Desk:
    """A controller at work."""

    def __init__(self, objects: Objects, looks: Looks) -> None:
        self.objects, self.looks, self.queue = objects, looks, WorkQueue[NamespacedName]()
        self.controller = Controller(
            ControllerName.PACKAGES, objects, looks, self.queue, clock=lambda: datetime.now(UTC)
        )

    def heard(self, name: str, version: int) -> None:
        self.controller.changed(manifest(name, version))

    async def listed_again(self) -> None:
        """Wait until the next list was made, and all that it led to is done."""
        await self.objects.listed(self.objects.lists + 2)  # one may have begun before
        await self.queue.idle()

    @asynccontextmanager
    async def working(self, resync_seconds: float = 600) -> AsyncIterator[None]:
        """Work, from the moment when all objects were seen once."""
        async with asyncio.TaskGroup() as group:
            work = group.create_task(self._work(resync_seconds))
            await asyncio.wait_for(self.controller.synced.wait(), 20)
            yield
            work.cancel()

    async def _work(self, resync_seconds: float) -> None:
        async with asyncio.TaskGroup() as group:
            self.controller.start(group, 1, resync_seconds)


def test_only_who_does_not_rest_is_looked_at() -> None:
    async def test() -> None:
        desk = Desk(Objects(a=1, b=2), Looks("a"))
        async with desk.working():
            assert desk.looks.looked == ["b"]

    asyncio.run(test())


def test_events_that_come_before_the_first_list_are_looks_only_where_it_shows_something_else() -> None:
    async def test() -> None:
        desk = Desk(Objects(a=1, b=2, c=3, d=4), Looks("a", "b", "c", "d"))
        for name, version in (("a", 1), ("b", 5), ("gone", 9)):
            desk.heard(name, version)
        desk.objects.before = lambda name: desk.heard("a", 6) if name == "d" else None  # after it was listed
        async with desk.working():
            assert desk.looks.looked == ["a", "b"]
            assert desk.looks.forgotten == ["gone"]
            desk.heard("c", 3)
            desk.heard("d", 7)
            await desk.queue.idle()
            assert desk.looks.looked == ["a", "b", "d"], "the list has shown c as it is"

    asyncio.run(test())


def test_events_wait_for_a_list_that_fails_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagy.controller.engine.controller._LIST_AGAIN_SECONDS", 0.01)

    async def test() -> None:
        desk = Desk(Objects(a=1), Looks())
        desk.objects.away = 1
        desk.heard("a", 1)
        async with desk.working():
            assert desk.looks.looked == ["a"]

    asyncio.run(test())


def test_an_old_list_judges_nothing() -> None:
    """One that is behind, or one that shows a change of which no event came: a look tells which."""

    async def test() -> None:
        desk = Desk(Objects(a=1, b=1), Looks("a", "b"))
        async with desk.working(resync_seconds=0.02):
            desk.objects.now = {"a": 2, "b": 1}
            desk.heard("a", 2)
            await desk.queue.idle()
            desk.looks.judged.clear()
            await desk.listed_again()
            assert set(desk.looks.judged) == {"b"}
            assert set(desk.looks.looked) == {"a"}

    asyncio.run(test())


def test_who_is_gone_without_a_word_is_forgotten() -> None:
    async def test() -> None:
        desk = Desk(Objects(a=1, b=1), Looks("a", "b"))
        async with desk.working(resync_seconds=0.02):
            desk.objects.now = desk.objects.shown = {"b": 1}
            await desk.listed_again()
            assert desk.looks.forgotten == ["a"]

    asyncio.run(test())


def test_who_rests_for_a_while_is_looked_at_then() -> None:
    async def test() -> None:
        desk = Desk(Objects(a=1), Looks())
        desk.looks.resting["a"] = Rest(again=0.01)
        looked = asyncio.Event()
        desk.looks.on_look = looked.set
        async with desk.working():
            await asyncio.wait_for(looked.wait(), 20)

    asyncio.run(test())


def test_a_look_makes_the_event_of_what_it_saw_needless() -> None:
    async def test() -> None:
        desk = Desk(Objects(a=1), Looks())
        async with desk.working():
            desk.heard("a", 1)
            await desk.queue.idle()
            assert desk.looks.looked == ["a"]
            desk.objects.now["a"] = 2
            desk.heard("a", 2)
            await desk.queue.idle()
            assert desk.looks.looked == ["a", "a"]

    asyncio.run(test())
