"""Wiring of all that serves DepPackages in the operator's process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from dagy.adapters.kube.api import KubeApi
from dagy.adapters.kube.outcome_follower import OutcomeFollower
from dagy.adapters.packages.artifact_store import ArtifactStore
from dagy.adapters.packages.cluster import Cluster
from dagy.adapters.packages.images import ImageRegistry
from dagy.adapters.settings.operator import Settings
from dagy.controller.engine.controller import Controller
from dagy.controller.engine.queue import WorkQueue
from dagy.controller.engine.served import Served
from dagy.controller.engine.watch import OnChange, Resource
from dagy.controller.packages.artifact_checks import ArtifactChecks
from dagy.controller.packages.limiter import ConcurrencyLimiter
from dagy.controller.packages.reconcile import PackageReconciler
from dagy.controller.packages.slugs import Slugs
from dagy.controller.packages.triage import Lists, gathered
from dagy.core.common.owner import package_of
from dagy.core.jobs.orphans import OwnedJob, is_orphan, orphans
from dagy.core.metrics.catalogue import ControllerName
from dagy.core.metrics.engine import work_samples
from dagy.core.metrics.metric import Recorder, Sample, unrecorded
from dagy.core.metrics.packages import queue_samples
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore, StorageError

log = logging.getLogger(__name__)

_SWEEP_SECONDS = 600.0
"""Between two looks for late uploads, each of which lists keys in S3."""


class Packages:
    """The controller of DepPackages, the changes that it hears of, and the tasks beside it."""

    def __init__(
        self,
        api: KubeApi,
        objects: ObjectStore,
        settings: Settings,
        clock: Callable[[], datetime],
        *,
        record: Recorder = unrecorded,
    ) -> None:
        self._settings, self._clock = settings, clock
        self._served = Served(api, settings.namespaces, settings.watch_namespace_selector)
        self.queue: WorkQueue[NamespacedName] = WorkQueue(lambda key: key.namespace)
        self._follower = OutcomeFollower(api, settings.build_namespace, self._heard)
        pushes = bool(settings.oci_repository)
        self._cluster = Cluster(
            api, settings.build_namespace, self._follower.reported, settings.namespaces, pushes_images=pushes
        )
        registry = ImageRegistry(Path(settings.oci_delete_config), plain_http=settings.oci_plain_http)
        self._store = ArtifactStore(objects, settings.location, registry)
        self._limiter = ConcurrencyLimiter(self._cluster, settings.limits(), self.queue.add, record)
        self._jobs = list[OwnedJob]()
        self._checks = ArtifactChecks(self._store, self.queue.add)
        slugs = Slugs(self._cluster.claims, self._store, settings.slugs_per_namespace)
        self._reconciler = PackageReconciler(
            self._cluster,
            self._store,
            slugs,
            limiter=self._limiter,
            checks=self._checks,
            settings=settings.job_settings(),
            record=record,
        )
        self.controller = Controller(
            ControllerName.PACKAGES,
            self._cluster.packages,
            self._reconciler,
            self.queue,
            clock=clock,
            served=self._served,
            before_resync=self._before_resync,
            after_list=self._after_list,
            record=record,
        )

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to work in the task group, until that is cancelled."""
        settings = self._settings
        self.controller.start(group, settings.workers, settings.resync_seconds)
        group.create_task(self._open())
        group.create_task(self._sweep())
        group.create_task(self._checks.run())

    def look(self) -> Iterator[Sample]:
        """Yield how packages, queues and the controller stand now."""
        yield from self._reconciler.census.samples()
        yield from queue_samples(self._limiter.lines(), self._clock())
        yield from work_samples(self.controller.work())

    def stop(self) -> None:
        """Follow no log any more."""
        self._follower.stop()

    def job_handlers(self) -> Mapping[Resource, OnChange]:
        """Return the handlers for changes of Jobs and of their pods, in the build namespace."""

        def job_changed(obj: Mapping[str, Any], deleted: bool) -> None:
            package = package_of(obj["metadata"])
            if package is None:
                return
            # A pod has ended, or the changed object is gone: its slot is free.
            ended = deleted or (obj.get("status") or {}).get("phase") in ("Succeeded", "Failed")
            if package.namespace in self._served:
                self.queue.add(package, urgent=True)
                self._follower.on_pod_changed(package, obj, ended)
            if ended:  # of another shard, too: slots are shared
                self._limiter.wake()

        selector = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
        return {
            Resource("batch", "jobs", label_selector=selector, whole=True): job_changed,
            Resource("", "pods", label_selector=selector, whole=True): job_changed,
        }

    def _heard(self, key: NamespacedName) -> None:
        """Look at a package whose Job has told its outcome; a pod that only pushes from now on frees a slot."""
        self.queue.add(key, urgent=True)
        if self._settings.oci_repository:
            self._limiter.wake()

    async def _before_resync(self) -> None:
        remembered = self._follower.known()
        self._jobs = await self._cluster.all_jobs()
        self._follower.forget_gone(remembered, [job.name for job in self._jobs])
        self._reconciler.lists = await gathered(
            self._cluster.claims, self._jobs, self._served.names, self._settings.location
        )

    async def _after_list(self, present: Mapping[NamespacedName, str]) -> None:
        self._reconciler.lists = Lists(self._settings.location)  # they would grow old
        for job in orphans(self._jobs, present, await self._answered_for()):
            package = await self._cluster.packages.get(job.package)
            if is_orphan(job, package["metadata"]["uid"] if package else None):  # now, and not just in the list
                log.warning("Job %s is deleted: its package %s is gone", job.name, job.package)
                await self._cluster.delete_job(job.name, job.uid)
        self._limiter.wake()  # ends that were not heard of

    async def _answered_for(self) -> set[str]:
        """Return the namespaces with Jobs that are served, and those that are gone, which nobody serves any more."""
        named = {job.package.namespace for job in self._jobs}
        return {one for one in named if one in self._served or not await self._cluster.claims.namespace_uid(one)}

    async def _open(self) -> None:
        await self.controller.synced.wait()  # the order of arrival is known now
        self._limiter.open()

    async def _sweep(self) -> None:
        """Look for objects that were uploaded after their package's deletion, at intervals."""
        while True:
            try:
                await self._store.sweep(self._clock())
            except StorageError as error:
                log.warning("Looking for late uploads failed; trying again: %s", error)
            await asyncio.sleep(_SWEEP_SECONDS)
