"""The operator: queue, workers, watchers, the regular look at everything. Wiring only."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dagy.adapters.kube.api import KubeApi
from dagy.adapters.kube.outcome_follower import LastWords
from dagy.adapters.packages.artifact_store import ArtifactStore
from dagy.adapters.packages.cluster import Cluster
from dagy.adapters.settings.operator import Settings
from dagy.controller import health, watch
from dagy.controller.flows.operator import Flows
from dagy.controller.packages.artifact_checks import ArtifactChecks
from dagy.controller.packages.perform import Performer
from dagy.controller.packages.reconcile import Reconciler
from dagy.controller.packages.slots import Slots
from dagy.controller.packages.slugs import Slugs
from dagy.controller.queue import WorkQueue
from dagy.controller.reporting import report
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore, StorageError

log = logging.getLogger(__name__)

_MISSED_RESYNCS = 3
_DEAF_SECONDS = 120.0


def _now() -> datetime:
    return datetime.now(UTC)


class Operator:
    """Everything that runs in the operator's process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._queue: WorkQueue[NamespacedName] = WorkQueue()
        self._last_resync = self._last_watching = time.monotonic()
        self._ready = False
        self._watchers: list[watch.Watcher] = []

    async def run(self) -> None:
        """Run until cancelled. What cannot be repaired from inside is raised, and the kubelet starts a new process."""
        settings = self._settings
        api = await KubeApi.connect()
        words = LastWords(api, settings.build_namespace, self._queue.add)
        cluster = Cluster(api, settings.build_namespace, words.said, settings.namespaces)
        objects = ObjectStore(settings.s3_bucket)
        store = ArtifactStore(objects, settings.location)
        slots = Slots(cluster, settings.limits(), self._queue.add)
        slugs = Slugs(cluster.claims, store, settings.slugs_per_namespace)
        performer = Performer(cluster, store, slots, settings.job_settings())
        checks = ArtifactChecks(store, self._queue.add)
        reconciler = Reconciler(cluster, store, slots, performer, clock=_now, slugs=slugs, checks=checks)
        flows = Flows(api, objects, settings, self._queue.add)
        runner = await health.serve_health(settings.health_port, self._sick, lambda: self._ready and self._watching())
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(settings.workers):
                    group.create_task(self._queue.work(lambda key: self._look(reconciler, key), _report))
                group.create_task(self._resync(cluster, slots, words))
                group.create_task(self._sweep(store))
                group.create_task(checks.run())
                flows.start(group)
                self._watch(reconciler, slots, flows, words)
        finally:
            words.stop()
            for watcher in self._watchers:
                watcher.stop()
            await runner.cleanup()
            await api.close()

    async def _look(self, reconciler: Reconciler, key: NamespacedName) -> None:
        seconds = await reconciler.reconcile(key)
        if seconds is not None:
            self._queue.add_after(key, seconds)

    def _watch(self, reconciler: Reconciler, slots: Slots, flows: Flows, words: LastWords) -> None:
        loop = asyncio.get_running_loop()

        def package_changed(key: NamespacedName, version: str, slug: str) -> None:
            loop.call_soon_threadsafe(flows.package_changed, slug)
            if reconciler.written.get(key) != version:  # not the echo of our own write
                loop.call_soon_threadsafe(self._queue.add, key)

        def job_changed(key: NamespacedName, ended: bool, changed: Mapping[str, Any]) -> None:
            loop.call_soon_threadsafe(self._queue.add, key)
            loop.call_soon_threadsafe(words.heed, key, changed, ended)
            if ended:
                loop.call_soon_threadsafe(slots.wake)

        self._watchers = [
            watch.Watcher(
                "packages",
                watch.package_registry(package_changed),
                watch.operator_settings(),
                self._settings.namespaces,
            ),
            watch.Watcher(
                "jobs", watch.job_registry(job_changed), watch.job_settings(), (self._settings.build_namespace,)
            ),
            flows.watcher(),
        ]
        for watcher in self._watchers:
            watcher.start()

    async def _resync(self, cluster: Cluster, slots: Slots, words: LastWords) -> None:
        """Look at every package at the start and at intervals, whatever events came or did not."""
        while True:
            try:
                keys = await cluster.package_keys(self._settings.namespaces)
                remembered = words.known()
                words.forget_gone(remembered, await cluster.job_names())
            except Exception:
                log.exception("Listing all packages failed; trying again")
                await asyncio.sleep(5)
                continue
            for key in keys:
                self._queue.add(key)
            slots.wake()  # whatever end was not heard of
            if not self._ready:
                await self._queue.idle()  # the order of arrival is known now
                slots.open()
                self._ready = True
                log.info("Ready: looked at %d packages", len(keys))
            self._last_resync = time.monotonic()
            await asyncio.sleep(self._settings.resync_seconds)

    async def _sweep(self, store: ArtifactStore) -> None:
        """Look for what was uploaded after its package's deletion, at intervals."""
        while True:
            try:
                await store.sweep(_now())
            except StorageError as error:
                log.warning("Looking for late uploads failed; trying again: %s", error)
            await asyncio.sleep(self._settings.resync_seconds)

    def _watching(self) -> bool:
        return bool(self._watchers) and all(watcher.ready for watcher in self._watchers)

    def _sick(self) -> str | None:
        now = time.monotonic()
        if self._watching() or not self._watchers:
            self._last_watching = now
        if now - self._last_resync > _MISSED_RESYNCS * self._settings.resync_seconds:
            return f"no look at all packages for {now - self._last_resync:.0f} s"
        if now - self._last_watching > _DEAF_SECONDS:
            return f"no watch for {now - self._last_watching:.0f} s"
        return None


def _report(key: NamespacedName, error: Exception) -> None:
    report(log, f"{key}", error)
