"""Wiring of all that serves FlowDeployments in the operator's process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from dagy.adapters.flows.cluster import FlowCluster
from dagy.adapters.flows.store import FlowStore
from dagy.adapters.kube.api import KubeApi
from dagy.adapters.packages.attach_lookup import AttachLookup
from dagy.adapters.settings.operator import Settings
from dagy.controller.engine.controller import Controller
from dagy.controller.engine.queue import WorkQueue
from dagy.controller.engine.served import Served
from dagy.controller.engine.watch import OnChange, Resource
from dagy.controller.flows.finalize import FlowCleaner
from dagy.controller.flows.observe import FlowObserver
from dagy.controller.flows.reconcile import FlowReconciler
from dagy.core.metrics.catalogue import ControllerName
from dagy.core.metrics.metric import Recorder, unrecorded
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore

_WORKERS = 4  # a pass is some reads; the work is done by runs


class Flows:
    """The controller of FlowDeployments, and the changes that it hears of."""

    def __init__(
        self,
        api: KubeApi,
        objects: ObjectStore,
        settings: Settings,
        wake_package: Callable[[NamespacedName], None],
        clock: Callable[[], datetime],
        *,
        record: Recorder = unrecorded,
    ) -> None:
        self._settings, location = settings, settings.location
        cluster, store = FlowCluster(api, settings.namespaces), FlowStore(objects, location)
        observer = FlowObserver(cluster, store, AttachLookup(api, location, objects))
        cleaner = FlowCleaner(cluster, store, wake_package)
        self._queue: WorkQueue[NamespacedName] = WorkQueue(lambda key: key.namespace)
        self.reconciler = FlowReconciler(cluster, observer, cleaner, settings.flow_settings())
        self.controller = Controller(
            ControllerName.FLOWS,
            cluster.deployments,
            self.reconciler,
            self._queue,
            clock=clock,
            served=Served(api, settings.namespaces, settings.watch_namespace_selector),
            record=record,
        )

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to work in the task group, until that is cancelled."""
        self.controller.start(group, _WORKERS, self._settings.resync_seconds)

    def handlers(self) -> Mapping[Resource, OnChange]:
        """Return the handlers for changes of deployments, of their CronJobs and of their runs."""

        def flow_changed(flow: Mapping[str, Any], _deleted: bool) -> None:
            self.controller.changed(flow)

        def object_changed(obj: Mapping[str, Any], _deleted: bool) -> None:
            metadata = obj["metadata"]
            name = (metadata.get("labels") or {}).get(names.LABEL_FLOW, "")
            if name:
                self._queue.add(NamespacedName(metadata["namespace"], name))

        return {
            Resource(names.GROUP, names.FLOWDEPLOYMENT_PLURAL, names.VERSION): flow_changed,
            Resource("batch", "jobs", label_selector=names.LABEL_FLOW): object_changed,
            Resource("batch", "cronjobs", label_selector=names.LABEL_FLOW): object_changed,
        }

    def package_changed(self, package: Mapping[str, Any]) -> None:
        """Wake the deployments that look at that package."""
        slug = str((package["metadata"].get("labels") or {}).get(names.LABEL_SLUG, ""))
        for deployment in self.reconciler.index.deployments(slug):
            self._queue.add(deployment)
