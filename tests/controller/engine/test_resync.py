"""Every object is looked at at the start and at intervals, whether or not events tell of it."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from dagy.adapters.kube.api import custom_path
from dagy.controller.engine.controller import LONGEST_RESYNC_SECONDS, Controller, resync_pause
from dagy.controller.engine.queue import WorkQueue
from dagy.controller.engine.reconciler import ManagedObject
from dagy.controller.engine.served import Served
from dagy.core.metrics.catalogue import ControllerName
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import Rig, run
from tests.fakes.owners import EXPORTED


@pytest.fixture(autouse=True)
def _looks_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses are as short as they are told to be, on a slow machine as well."""
    monkeypatch.setattr("dagy.controller.engine.controller.process_time", lambda: 0.0)


class Visitors:
    """A reconciler that takes note of each look."""

    def __init__(self) -> None:
        self.looks: asyncio.Queue[NamespacedName] = asyncio.Queue()

    async def reconcile(self, obj: ManagedObject) -> float | None:
        self.looks.put_nowait(obj.key)
        return None

    async def finalize(self, obj: ManagedObject) -> float | None:
        return await self.reconcile(obj)

    def rest(self, _manifest: dict[str, Any], _now: datetime) -> None:
        """Each is looked at."""

    def forget(self, key: NamespacedName) -> None:
        """Nothing is remembered."""


@pytest.mark.parametrize(
    ("cpu_seconds", "least", "pause"),
    [
        (0.1, 30, 30),
        (0.7, 30, 70),  # a thousand packages
        (7, 30, LONGEST_RESYNC_SECONDS),  # ten thousand
        (0.7, 900, 900),
        (7, 900, 900),
    ],
)
def test_looks_at_all_are_as_frequent_as_they_are_cheap(cpu_seconds: float, least: float, pause: float) -> None:
    assert resync_pause(cpu_seconds, least) == pytest.approx(pause)


@pytest.mark.apiserver
def test_objects_without_events_are_looked_at_again_and_again(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        namespace = f"resync-{uuid.uuid4().hex[:8]}"
        await rig.admin.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        spec = {"pythonVersion": "3.12", "dependencies": ["pandas"]}
        body = {"apiVersion": "dagy.io/v1", "kind": "DepPackage", "metadata": {"name": "a", **EXPORTED}, "spec": spec}
        await rig.admin.create(custom_path("deppackages", namespace), body)
        visitors, queue = Visitors(), WorkQueue[NamespacedName]()
        packages = rig.cluster().packages
        served = Served(names=(namespace,))
        controller = Controller(
            ControllerName.PACKAGES, packages, visitors, queue, clock=lambda: datetime.now(UTC), served=served
        )
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            work = group.create_task(_works(controller))
            await controller.synced.wait()
            assert [await visitors.looks.get() for _ in range(3)] == [NamespacedName(namespace, "a")] * 3
            work.cancel()

    run(kubeconfig, objects, test)


async def _works(controller: Controller) -> None:
    async with asyncio.TaskGroup() as group:
        controller.start(group, 1, 0.1)
