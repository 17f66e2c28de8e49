"""The event source: Kopf watches packages, Jobs and pods, and each event says no more than "look at this package".

Kopf runs in a thread and an event loop of its own, because at its end it cancels every task of its loop; whatever makes
it end (by design it ends on many API errors), it is started again and lists everything anew.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import logging
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import kopf

from dagy.model import constants as names
from dagy.model.base import NamespacedName

log = logging.getLogger(__name__)

_LOGIN_LIFETIME = datetime.timedelta(minutes=10)  # tokens of service accounts change; reading them is cheap
_RESTART_SECONDS = 2.0

AnnouncePackage = Callable[[NamespacedName, str, str], None]
"""Called with the package, its resourceVersion and its slug, as far as it has one."""
AnnounceFlow = Callable[[NamespacedName, str], None]
"""Called with the flow deployment and its resourceVersion; that is empty when one of its objects changed."""
AnnounceJob = Callable[[NamespacedName, bool, Mapping[str, Any]], None]
"""Called with the package of a Job or pod, whether that has ended, so that its slot is free, and the object."""


class _Forever:
    """Backoffs without an end; Kopf iterates anew for each request."""

    def __iter__(self) -> Iterator[float]:
        yield from (0.5, 1, 2, 3, 5, 8)
        while True:
            yield 10 * random.uniform(0.75, 1.25)  # noqa: S311 spreads retries


def operator_settings() -> kopf.OperatorSettings:
    """Kopf's settings: no state of its own, no request that nobody asked for, streams that end on their own."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.networking.request_timeout = 30
    settings.networking.error_backoffs = _Forever()
    settings.queueing.worker_limit = None
    settings.queueing.idle_timeout = 0.5
    settings.process.ultimate_exiting_timeout = 30
    settings.watching.server_timeout = 240
    settings.watching.client_timeout = 300
    settings.watching.connect_timeout = 10
    # Kopf holds one page of whole objects, and how large one is, is up to who writes it.
    settings.watching.chunk_size = 20
    # The stream's own time-outs above bound a mute stream; this one can cancel a watcher for good when the loop stalls.
    settings.watching.inactivity_timeout = 1e9
    return settings


def _login(settings: kopf.OperatorSettings, **_: Any) -> kopf.ConnectionInfo:
    found = kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(settings=settings)
    if found is None:
        raise kopf.LoginError("There is neither a service account nor a kubeconfig to log in with.")
    expiration = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + _LOGIN_LIFETIME  # noqa: UP017
    return dataclasses.replace(found, expiration=expiration)


def package_registry(announce: AnnouncePackage) -> kopf.OperatorRegistry:
    """Handlers for DepPackages."""
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login)

    @kopf.on.event(names.GROUP, names.VERSION, names.DEPPACKAGE_PLURAL, registry=registry)
    async def package_changed(namespace: str | None, name: str | None, meta: kopf.Meta, **_: Any) -> None:
        slug = str((meta.get("labels") or {}).get(names.LABEL_SLUG, ""))
        announce(NamespacedName(namespace or "", name or ""), str(meta.get("resourceVersion", "")), slug)

    return registry


def flow_registry(announce: AnnounceFlow) -> kopf.OperatorRegistry:
    """Handlers for FlowDeployments, their CronJobs and their runs."""
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login)

    @kopf.on.event(names.GROUP, names.VERSION, names.FLOWDEPLOYMENT_PLURAL, registry=registry)
    async def flow_changed(namespace: str | None, name: str | None, meta: kopf.Meta, **_: Any) -> None:
        announce(NamespacedName(namespace or "", name or ""), str(meta.get("resourceVersion", "")))

    async def object_changed(namespace: str | None, labels: kopf.Labels, **_: Any) -> None:
        announce(NamespacedName(namespace or "", labels.get(names.LABEL_FLOW, "")), "")

    ours = {names.LABEL_FLOW: kopf.PRESENT}
    kopf.on.event("batch", "v1", "jobs", labels=ours, registry=registry)(object_changed)
    kopf.on.event("batch", "v1", "cronjobs", labels=ours, registry=registry)(object_changed)
    return registry


def flow_settings() -> kopf.OperatorSettings:
    """As `operator_settings`, with the labels filtered by the API server instead of here."""
    settings = operator_settings()
    settings.watching.label_selectors["batch", "v1", "jobs"] = names.LABEL_FLOW
    settings.watching.label_selectors["batch", "v1", "cronjobs"] = names.LABEL_FLOW
    return settings


def job_registry(announce: AnnounceJob) -> kopf.OperatorRegistry:
    """Handlers for the Jobs and pods of the build namespace."""
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login)

    async def job_changed(
        event: kopf.RawEvent, annotations: kopf.Annotations, status: kopf.Status, body: kopf.Body, **_: Any
    ) -> None:
        package = annotations.get(names.ANNOTATION_PACKAGE, "").split("/")
        if len(package) == 2:
            ended = event["type"] == "DELETED" or status.get("phase") in ("Succeeded", "Failed")
            announce(NamespacedName(*package), ended, body)

    ours = {names.LABEL_MANAGED_BY: names.MANAGED_BY}
    kopf.on.event("batch", "v1", "jobs", labels=ours, registry=registry)(job_changed)
    kopf.on.event("", "v1", "pods", labels=ours, registry=registry)(job_changed)
    return registry


def job_settings() -> kopf.OperatorSettings:
    """As `operator_settings`, with the labels filtered by the API server instead of here."""
    settings = operator_settings()
    selector = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}"
    settings.watching.label_selectors["batch", "v1", "jobs"] = selector
    settings.watching.label_selectors["", "v1", "pods"] = selector
    return settings


class Watcher:
    """One Kopf operator in a thread, started again whenever it ends before `stop`."""

    def __init__(
        self,
        name: str,
        registry: kopf.OperatorRegistry,
        settings: kopf.OperatorSettings,
        namespaces: tuple[str, ...],
    ) -> None:
        self._name, self._registry, self._settings, self._namespaces = name, registry, settings, namespaces
        self._stop, self._ready = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch-{name}", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End it; returns at once, the thread ends by itself."""
        self._stop.set()

    @property
    def ready(self) -> bool:
        """Whether Kopf is up: logged in and about to watch. False between its end and its next start."""
        return self._thread.is_alive() and self._ready.is_set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                asyncio.run(self._operator())
            except Exception:
                log.exception("The watch of %s ended with an error", self._name)
            self._ready.clear()
            if not self._stop.wait(_RESTART_SECONDS * random.uniform(0.75, 1.25)):  # noqa: S311
                log.warning("The watch of %s ended; starting it again", self._name)

    async def _operator(self) -> None:
        await kopf.operator(
            registry=self._registry,
            settings=self._settings,
            standalone=True,
            clusterwide=not self._namespaces,
            namespaces=self._namespaces,
            stop_flag=self._stop,
            ready_flag=self._ready,
        )
