"""Events, which `kubectl describe` and `kubectl events` show of an object. Best effort: nothing depends on them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from datetime import datetime

import aiohttp

from dagy.adapters.kube.api import Json, KubeApi, KubeError, namespaced
from dagy.core.common.timestamp import timestamp
from dagy.model import constants as names
from dagy_builder.redact import clipped

_NOTE_CHARACTERS = 1000  # an Event's note holds 1024 bytes

log = logging.getLogger(__name__)

_PATIENCE_SECONDS = 5.0
_QUIET_SECONDS = 60.0  # one line a minute says that Events are refused, however many there are


class EventRecorder:
    """Records Events of one kind of object, and never fails: an Event that cannot be created is left out."""

    def __init__(self, api: KubeApi, kind: str) -> None:
        self._api, self._kind = api, kind
        self._quiet_until = 0.0
        self._unsaid = 0

    async def record(self, obj: Json, *, warning: bool, reason: str, message: str, now: datetime) -> None:
        """Record one Event; the same one twice is kept once, because its name is its content."""
        event = _event(self._kind, obj, warning=warning, reason=reason, message=message, now=now)
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._api.create(namespaced("events", obj["metadata"]["namespace"]), event)
        except (KubeError, aiohttp.ClientError, OSError, TimeoutError) as error:
            self._say(obj, reason, error)

    def _say(self, obj: Json, reason: str, error: Exception) -> None:
        if time.monotonic() < self._quiet_until:
            self._unsaid += 1
            return
        metadata, more = obj["metadata"], f" (and {self._unsaid} others)" if self._unsaid else ""
        log.warning(
            "Event %s of %s/%s%s could not be created, which stops nothing: %s: %.500s",
            *(reason, metadata["namespace"], metadata["name"], more, type(error).__name__, error),
        )
        self._quiet_until, self._unsaid = time.monotonic() + _QUIET_SECONDS, 0


def _event(kind: str, obj: Json, *, warning: bool, reason: str, message: str, now: datetime) -> Json:
    metadata = obj["metadata"]
    second = timestamp(now, micro=False)
    identity = f"{metadata['uid']}/{metadata.get('generation')}/{reason}/{message}/{second}"
    name = f"{metadata['name'][:200]}.{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": names.API_VERSION,
            "kind": kind,
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "type": "Warning" if warning else "Normal",
        "reason": reason,
        "message": clipped(message, _NOTE_CHARACTERS),
        "source": {"component": names.FIELD_MANAGER},
        "reportingComponent": names.FIELD_MANAGER,
        "reportingInstance": names.FIELD_MANAGER,
        "firstTimestamp": second,
        "lastTimestamp": second,
        "count": 1,
    }
