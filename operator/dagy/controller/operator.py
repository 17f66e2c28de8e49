"""The operator: the controllers of both kinds, what they watch, and what the kubelet is told. Wiring only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dagy.adapters.kube.api import KubeApi
from dagy.adapters.settings.operator import Settings
from dagy.controller.engine.health import Health
from dagy.controller.engine.watch import Resource, Watcher
from dagy.controller.flows.wiring import Flows
from dagy.controller.packages.wiring import Packages
from dagy.model import constants as names
from dagy_builder.storage.store import ObjectStore


def _now() -> datetime:
    return datetime.now(UTC)


class Operator:
    """Everything that runs in the operator's process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def run(self) -> None:
        """Run until cancelled. What cannot be repaired from inside is raised, and the kubelet starts a new process."""
        settings = self._settings
        api, objects = await KubeApi.connect(), ObjectStore(settings.s3_bucket)
        packages = Packages(api, objects, settings, _now)
        flows = Flows(api, objects, settings, packages.queue.add, _now)
        watchers = _watchers(packages, flows, settings)
        health = Health(packages.controller, watchers, settings.resync_seconds)
        runner = await health.serve(settings.health_port)
        try:
            async with asyncio.TaskGroup() as group:
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

    kinds = {Resource(names.GROUP, names.DEPPACKAGE_PLURAL, names.VERSION): package_changed, **flows.handlers()}
    return [
        Watcher("objects", kinds, settings.namespaces),
        Watcher("jobs", packages.job_handlers(), (settings.build_namespace,)),
    ]
