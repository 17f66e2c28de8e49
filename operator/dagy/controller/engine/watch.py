"""The event source: Kopf as a list-watch and no more; everything else that it can do is switched off.

Kopf runs in a thread and an event loop of its own, because at its end it cancels every task of its loop; whenever
it ends (by design it ends on many API errors), it is started again and lists everything anew.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import logging
import random
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import kopf
from typing_extensions import override

from dagy.core.metrics.catalogue import WatchName
from dagy.core.metrics.engine import Watch

log = logging.getLogger(__name__)

_LOGIN_LIFETIME = datetime.timedelta(minutes=10)  # tokens of service accounts change; reading them is cheap
_RESTART_SECONDS = 2.0
_KEPT = ("name", "namespace", "uid", "resourceVersion", "labels", "annotations")

OnChange = Callable[[Mapping[str, Any], bool], None]
"""A handler: called in the event loop of the process with an object that changed, and True when it was deleted."""


@dataclass(frozen=True)
class Resource:
    """Kind of objects that is watched."""

    group: str
    plural: str
    version: str = "v1"
    label_selector: str = ""
    """A selector of the objects that the API server tells of; all when empty."""
    whole: bool = False
    """Whether handlers need more than the metadata: at the start thousands of objects may wait for them."""


class _Forever:
    """Backoffs without an end; Kopf iterates anew for each request."""

    def __iter__(self) -> Iterator[float]:
        yield from (0.5, 1, 2, 3, 5, 8)
        while True:
            yield 10 * random.uniform(0.75, 1.25)  # noqa: S311 spreads retries


class _NoDiffs(kopf.DiffBaseStorage):
    """Kopf's memory of what has changed, which no handler of ours asks for: it copies each object to compare it."""

    @override
    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    @override
    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        return None

    @override
    def store(self, **_: Any) -> None:
        """Nothing."""


def _settings(resources: Iterable[Resource]) -> kopf.OperatorSettings:
    """Kopf's settings: no state of its own, no request that nobody asked for, streams that end on their own."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.persistence.diffbase_storage = _NoDiffs()
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
    # Kopf holds one page of whole objects, and the writer of an object decides its size.
    settings.watching.chunk_size = 20
    # The stream's own time-outs above bound a mute stream; this one can cancel a watcher for good when the loop stalls.
    settings.watching.inactivity_timeout = 1e9
    for resource in resources:
        if resource.label_selector:
            place = resource.group, resource.version, resource.plural
            settings.watching.label_selectors[place] = resource.label_selector
    return settings


def _login(settings: kopf.OperatorSettings, **_: Any) -> kopf.ConnectionInfo:
    found = kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(settings=settings)
    if found is None:
        raise kopf.LoginError("There is neither a service account nor a kubeconfig to log in with.")
    expiration = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + _LOGIN_LIFETIME  # noqa: UP017
    return dataclasses.replace(found, expiration=expiration)


def _registry(handlers: Mapping[Resource, OnChange], loop: asyncio.AbstractEventLoop) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login)
    for resource, on_change in handlers.items():
        changed = _handler(on_change, loop, whole=resource.whole)
        kopf.on.event(resource.group, resource.version, resource.plural, registry=registry)(changed)
    return registry


def _handler(on_change: OnChange, loop: asyncio.AbstractEventLoop, *, whole: bool) -> Callable[..., Awaitable[None]]:
    async def changed(event: kopf.RawEvent, **_: Any) -> None:
        obj = event["object"] if whole else _metadata_of(event["object"])
        loop.call_soon_threadsafe(on_change, obj, event["type"] == "DELETED")

    return changed


def _metadata_of(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"metadata": {field: obj["metadata"][field] for field in _KEPT if field in obj["metadata"]}}


class Watcher:
    """One Kopf operator in a thread, started again whenever it ends before `stop`."""

    def __init__(self, name: WatchName, handlers: Mapping[Resource, OnChange], namespaces: tuple[str, ...]) -> None:
        """Handlers are called in the running event loop; `namespaces`: all when there are none."""
        self._name, self._namespaces = name, namespaces
        self._starts, self._last_event = 0, 0.0
        heard = {resource: self._noted(handler) for resource, handler in handlers.items()}
        self._registry, self._settings = _registry(heard, asyncio.get_running_loop()), _settings(handlers)
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
        """True when Kopf is up: logged in and about to watch. False between its end and its next start."""
        return self._thread.is_alive() and self._ready.is_set()

    def state(self) -> Watch:
        """Return how it stands."""
        return Watch(self._name, self.ready, self._last_event, self._starts)

    def _noted(self, handler: OnChange) -> OnChange:
        def noted(obj: Mapping[str, Any], deleted: bool) -> None:
            self._last_event = time.time()
            handler(obj, deleted)

        return noted

    def _run(self) -> None:
        while not self._stop.is_set():
            self._starts += 1
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
