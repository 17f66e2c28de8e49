"""What serves FlowDeployments in the operator's process: their queue, workers, watch and regular look. Wiring only."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from dagy.adapters.flows.cluster import FlowCluster
from dagy.adapters.flows.store import FlowStore
from dagy.adapters.kube.api import KubeApi
from dagy.adapters.packages.attach_lookup import AttachLookup
from dagy.adapters.settings.operator import Settings
from dagy.controller import watch
from dagy.controller.flows.finalize import FlowCleaner
from dagy.controller.flows.observe import FlowObserver
from dagy.controller.flows.reconcile import FlowReconciler
from dagy.controller.queue import WorkQueue
from dagy.controller.reporting import report
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore

log = logging.getLogger(__name__)

_WORKERS = 4  # a pass is some reads; the work is done by runs


def flow_reconciler(
    api: KubeApi,
    objects: ObjectStore,
    settings: Settings,
    wake_package: Callable[[NamespacedName], None],
    clock: Callable[[], datetime],
) -> FlowReconciler:
    """The reconciler with everything that it speaks to."""
    location = settings.location
    cluster, store = FlowCluster(api, settings.namespaces), FlowStore(objects, location)
    observer = FlowObserver(cluster, store, AttachLookup(api, location, objects))
    cleaner = FlowCleaner(cluster, store, wake_package)
    return FlowReconciler(cluster, observer, cleaner, settings.flow_settings(), clock=clock)


class Flows:
    """Everything that runs for FlowDeployments."""

    def __init__(
        self, api: KubeApi, objects: ObjectStore, settings: Settings, wake_package: Callable[[NamespacedName], None]
    ) -> None:
        self._settings, self._cluster = settings, FlowCluster(api, settings.namespaces)
        self._queue: WorkQueue[NamespacedName] = WorkQueue()
        self._reconciler = flow_reconciler(api, objects, settings, wake_package, lambda: datetime.now(UTC))

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to work in the task group, until that is cancelled."""
        for _ in range(_WORKERS):
            group.create_task(self._queue.work(self._look, _report))
        group.create_task(self._resync())

    def watcher(self) -> watch.Watcher:
        """The watch of deployments, their CronJobs and runs; not started yet."""
        loop = asyncio.get_running_loop()

        def changed(key: NamespacedName, version: str) -> None:
            if not version or self._reconciler.written.get(key) != version:  # not the echo of our own write
                loop.call_soon_threadsafe(self._queue.add, key)

        return watch.Watcher("flows", watch.flow_registry(changed), watch.flow_settings(), self._settings.namespaces)

    def package_changed(self, slug: str) -> None:
        """Wake the deployments that look at that package. From the event loop's own thread."""
        for deployment in self._reconciler.index.deployments(slug):
            self._queue.add(deployment)

    async def _look(self, key: NamespacedName) -> None:
        seconds = await self._reconciler.reconcile(key)
        if seconds is not None:
            self._queue.add_after(key, seconds)

    async def _resync(self) -> None:
        """Look at every deployment at the start and at intervals, whatever events came or did not."""
        while True:
            try:
                keys = await self._cluster.deployment_keys(self._settings.namespaces)
            except Exception:
                log.exception("Listing all flow deployments failed; trying again")
                await asyncio.sleep(5)
                continue
            for key in keys:
                self._queue.add(key)
            await asyncio.sleep(self._settings.resync_seconds)


def _report(key: NamespacedName, error: Exception) -> None:
    report(log, f"Flow deployment {key}", error)
