"""The operator: the controllers of both kinds, their watches, and the answers to the kubelet. Wiring only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from dagy.adapters.kube.api import KubeApi
from dagy.adapters.metrics.registry import Metrics
from dagy.adapters.metrics.server import serving
from dagy.adapters.settings.operator import Settings
from dagy.adapters.version import version
from dagy.controller.engine.health import Health
from dagy.controller.engine.watch import Resource, Watcher
from dagy.controller.flows.wiring import Flows
from dagy.controller.packages.wiring import Packages
from dagy.core.metrics.catalogue import WatchName
from dagy.core.metrics.engine import watch_samples, work_samples
from dagy.core.metrics.metric import Process
from dagy.core.metrics.requests import storage_samples
from dagy.model import constants as names
from dagy_builder.storage.store import ObjectStore


class Operator:
    """Everything that runs in the operator's process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def run(self) -> None:
        """Run until cancelled. Raises a fault that can't be repaired from inside; the kubelet starts a new process."""
        settings = self._settings
        metrics = Metrics(Process.OPERATOR, version())
        api = await KubeApi.connect()
        objects = ObjectStore(settings.s3_bucket, lambda error: metrics.record(storage_samples(error.reason)))
        packages = Packages(api, objects, settings, api.clock, record=metrics.record)
        flows = Flows(api, objects, settings, packages.queue.add, api.clock, record=metrics.record)
        watchers = _watchers(packages, flows, settings)
        health = Health(packages.controller, watchers, settings.resync_seconds)
        runner = await health.serve(settings.health_port)
        metrics.watch(packages.look)
        metrics.watch(lambda: work_samples(flows.controller.work()))
        metrics.watch(lambda: (sample for watcher in watchers for sample in watch_samples(watcher.state())))
        try:
            async with serving(metrics, settings.metrics_port), asyncio.TaskGroup() as group:
                packages.start(group)
                flows.start(group)
                for watcher in watchers:
                    watcher.start()
        finally:
            packages.stop()
            for watcher in watchers:
                watcher.stop()
            await runner.cleanup()
            await api.close()


def _watchers(packages: Packages, flows: Flows, settings: Settings) -> list[Watcher]:
    def package_changed(package: Mapping[str, Any], _deleted: bool) -> None:
        flows.package_changed(package)
        packages.controller.changed(package)

    def namespace_changed(_namespace: Mapping[str, Any], _deleted: bool) -> None:
        packages.controller.namespaces_changed()
        flows.controller.namespaces_changed()

    kinds = {Resource(names.GROUP, names.DEPPACKAGE_PLURAL, names.VERSION): package_changed, **flows.handlers()}
    if selector := settings.watch_namespace_selector:
        kinds[Resource("", "namespaces", label_selector=selector)] = namespace_changed
    return [
        Watcher(WatchName.OBJECTS, kinds, settings.namespaces),
        Watcher(WatchName.JOBS, packages.job_handlers(), (settings.build_namespace,)),
    ]
