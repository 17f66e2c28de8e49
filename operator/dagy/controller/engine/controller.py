"""The controller of one kind: a queue of objects, workers that look at one after the other, a regular look at all.

A `Reconciler` has the parts that are particular to the kind. A look at an object of any kind is here: read it, finalize
it when it is being deleted, back off when somebody else writes to it, know the echo of one's own writes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from time import process_time
from typing import Any

from dagy.adapters import logs
from dagy.adapters.kube.api import Json, KubeError
from dagy.adapters.kube.kind_client import KindClient
from dagy.controller.engine.errors import report, result_of
from dagy.controller.engine.queue import LONGEST_BACKOFF_SECONDS, WorkQueue
from dagy.controller.engine.reconciler import ManagedObject, Reconciler
from dagy.controller.engine.served import Served
from dagy.core.metrics.catalogue import ControllerName, PassResult
from dagy.core.metrics.engine import Work, pass_samples
from dagy.core.metrics.metric import Recorder, unrecorded
from dagy.model.base import NamespacedName

log = logging.getLogger(__name__)

_LOG_FIELDS = {ControllerName.PACKAGES: "package", ControllerName.FLOWS: "flowDeployment"}
_CONFLICT_SECONDS = 0.2
_LIST_AGAIN_SECONDS = 5.0
LONGEST_RESYNC_SECONDS = 600.0
"""Pause between two looks at all objects at most, and so how long a change stays unseen whose event is lost."""
_SHARE_OF_TIME = 0.01
"""What looking at all objects may take of a core's time."""


def resync_pause(cpu_seconds: float, least: float) -> float:
    """Return the seconds between a look at all objects that took so much CPU time and the next one.

    `least` or more: so many that looking takes a hundredth of a core, but not more than `LONGEST_RESYNC_SECONDS`.
    """
    return max(least, min(cpu_seconds / _SHARE_OF_TIME, LONGEST_RESYNC_SECONDS))


class Controller:
    """Objects of one kind. For one event loop."""

    def __init__(
        self,
        name: ControllerName,
        kind: KindClient,
        reconciler: Reconciler,
        queue: WorkQueue[NamespacedName],
        *,
        clock: Callable[[], datetime],
        served: Served | None = None,
        before_resync: Callable[[], Awaitable[None]] | None = None,
        after_list: Callable[[Mapping[NamespacedName, str]], Awaitable[None]] | None = None,
        record: Recorder = unrecorded,
    ) -> None:
        """`name`: the objects' name in the log and for the kubelet, in the plural; `served`: all namespaces when None.

        `before_resync` gathers what `Reconciler.rest` needs, just before all objects are listed; `after_list` gets
        their UIDs, and renews the facts that events should have told. `record` counts the looks.
        """
        self._before_resync, self._after_list, self._record = before_resync, after_list, record
        self.name, self._kind, self._reconciler, self._queue, self._clock = name, kind, reconciler, queue, clock
        self._known_version: dict[NamespacedName, str] = {}
        """The resourceVersion that was last written or looked at; its event tells nothing new."""
        self._held: dict[NamespacedName, str] | None = {}
        """Events that came before all objects were listed for the first time: that list says which need a look."""
        self._conflicts: dict[NamespacedName, int] = {}
        self._served, self._others_served = served or Served(), asyncio.Event()
        self.last_resync = time.monotonic()
        self.synced = asyncio.Event()
        """Set once every object has been looked at."""

    def start(self, group: asyncio.TaskGroup, workers: int, resync_seconds: float) -> None:
        """Begin to work in the task group, until that is cancelled. `resync_seconds`: see `resync_pause`."""
        for _ in range(workers):
            group.create_task(self._queue.work(self._look, self._report))
        group.create_task(self._resync(resync_seconds))
        group.create_task(self._follow_namespaces())

    def changed(self, obj: Mapping[str, Any]) -> None:
        """Look at the object soon, unless it has been looked at as it is, or written so by us."""
        key, version = NamespacedName.of(obj["metadata"]), str(obj["metadata"].get("resourceVersion", ""))
        if self._known_version.get(key) == version or key.namespace not in self._served:
            return
        if self._held is None:
            self._queue.add(key)
        else:
            self._held[key] = version

    def namespaces_changed(self) -> None:
        """Find out soon which namespaces are served."""
        self._others_served.set()

    def work(self) -> Work:
        """Return how much there is to do now."""
        resynced = time.time() - (time.monotonic() - self.last_resync)
        return Work(self.name, *self._queue.sizes, resynced)

    async def reconcile(self, key: NamespacedName) -> float | None:
        """Look at the object once. Return the seconds after which it must be looked at again, or None.

        Raises KubeError and StorageError: the queue then tries again. A conflict is no error: somebody wrote in
        between, so the facts are out of date.
        """
        now = self._clock()  # before anything is awaited: keys are taken in the order of their arrival
        manifest = await self._kind.get(key) if key.namespace in self._served else None
        obj = ManagedObject(self._kind, manifest, now, self._known_version) if manifest else None
        if obj is None or obj.is_deleted:
            self._reconciler.forget(key)
        if obj is None or (obj.is_deleted and not obj.has_finalizer):
            self._known_version.pop(key, None)
            self._conflicts.pop(key, None)
            return None
        try:
            again = await (self._reconciler.finalize(obj) if obj.is_deleted else self._reconciler.reconcile(obj))
        except KubeError as error:
            if error.is_conflict:
                return self._after_conflict(key)
            raise
        self._conflicts.pop(key, None)
        self._known_version[key] = str(obj.metadata["resourceVersion"])
        return again

    def _after_conflict(self, key: NamespacedName) -> float:
        """Return the seconds to wait: few at first, as another write rarely comes twice; more if one always comes."""
        count = self._conflicts[key] = self._conflicts.get(key, 0) + 1
        return float(min(_CONFLICT_SECONDS * 2 ** min(count - 1, 10), LONGEST_BACKOFF_SECONDS))

    async def _look(self, key: NamespacedName) -> None:
        began, result = time.monotonic(), PassResult.DONE
        try:
            with self._about(key):
                seconds = await self.reconcile(key)
            if key in self._conflicts:
                result = PassResult.CONFLICT
            if seconds is not None:
                self._queue.add_after(key, seconds)
        except Exception as error:
            result = result_of(error)
            raise
        finally:
            self._record(pass_samples(self.name, result, time.monotonic() - began))

    async def _resync(self, least: float) -> None:
        """Look at every object at the start and at intervals, with events or without."""
        while True:
            began = process_time()
            try:
                present = await self._listed()
            except Exception as error:
                report(log, f"Listing all {self.name} failed; trying again", error)
                await asyncio.sleep(_LIST_AGAIN_SECONDS)
                continue
            self.last_resync = time.monotonic()
            with suppress(TimeoutError):  # there may always be something else to do
                async with asyncio.timeout(least if self.synced.is_set() else None):
                    await self._queue.idle()
            if not self.synced.is_set():
                self.synced.set()
                log.info("Looked at %d %s", len(present), self.name)
            await asyncio.sleep(resync_pause(process_time() - began, least))

    async def _follow_namespaces(self) -> None:
        """Queue all objects of each namespace that is served from now on.

        Those of a namespace that no longer is are forgotten when they are to be looked at.
        """
        while True:
            await self._others_served.wait()
            self._others_served.clear()
            try:
                async for manifest in self._kind.all(await self._served.refresh()):
                    self._queue.add(NamespacedName.of(manifest["metadata"]))
            except Exception as error:
                report(log, f"Listing {self.name} of other namespaces failed; trying again", error)
                await asyncio.sleep(_LIST_AGAIN_SECONDS)
                self._others_served.set()

    async def _listed(self) -> Collection[NamespacedName]:
        """List all objects, and queue those that a look may do something at. Raises KubeError."""
        await self._served.refresh()
        if self._before_resync:
            await self._before_resync()
        present: dict[NamespacedName, str] = {}
        async for manifest in self._kind.all(self._served.names):
            key = NamespacedName.of(manifest["metadata"])
            present[key] = str(manifest["metadata"]["uid"])
            self._triage(key, manifest)
        if self._after_list:
            await self._after_list(present)
        held, self._held = self._held or {}, None
        news = [key for key, version in held.items() if self._known_version.get(key) != version]
        for key in [*news, *(self._known_version.keys() - present.keys())]:
            self._queue.add(key)
        return present

    def _triage(self, key: NamespacedName, manifest: Json) -> None:
        """Queue the object unless it rests. One that has been looked at at another version is never judged by a list.

        Either the list is older, or an event is missing.
        """
        version = str(manifest["metadata"]["resourceVersion"])
        rest = (
            self._reconciler.rest(manifest, self._clock()) if self._known_version.get(key, version) == version else None
        )
        if rest is None:
            self._queue.add(key)
            return
        self._known_version[key] = version
        if rest.again is not None:
            self._queue.add_after(key, rest.again)

    def _report(self, key: NamespacedName, error: Exception) -> None:
        with self._about(key):
            report(log, f"{self.name}: {key}", error)

    def _about(self, key: NamespacedName) -> AbstractContextManager[None]:
        return logs.about(**{_LOG_FIELDS[self.name]: str(key)})
