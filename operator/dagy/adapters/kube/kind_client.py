"""One of the operator's own kinds, as a controller reads and writes its objects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import datetime
from typing import Any

from dagy.adapters.kube.api import Json, KubeApi, KubeError, custom_path
from dagy.adapters.kube.events import EventRecorder
from dagy.model import constants as names
from dagy.model.base import NamespacedName

_IDENTITY = ("name", "namespace", "uid", "resourceVersion")
_IN_A_ROW = 10


class KindClient:
    """Objects of one kind. Each method is one API call, or as many as a list has pages, and may raise KubeError.

    A write is for the object as it was read: KubeError 409 when somebody has changed it since.
    """

    def __init__(self, api: KubeApi, kind: str, plural: str) -> None:
        self._api, self._kind, self._plural = api, kind, plural
        self._events = EventRecorder(api, kind)

    async def get(self, key: NamespacedName) -> Json | None:
        """Return the object as it is now; None when there is none."""
        return await self._api.get(custom_path(self._plural, key.namespace, key.name))

    async def all(self, namespaces: Collection[str] | None) -> AsyncIterator[Json]:
        """Yield the objects of these namespaces, of all when None. Others have their turn in between."""
        places = [""] if namespaces is None else sorted(namespaces)
        for path in [custom_path(self._plural, place) for place in places]:
            async for page in self._api.pages(path, {}):
                items = page.pop("items", None) or []
                items.reverse()
                while items:
                    yield items.pop()
                    if len(items) % _IN_A_ROW == 0:
                        await asyncio.sleep(0)

    async def write_status(self, obj: Json, status: Mapping[str, Any]) -> Json:
        """Replace the status, in a second call when others wrote to it. Return the new object."""
        wanted = dict(status)
        applied = await self._apply(obj, {}, {"status": wanted}, "status")
        if applied.get("status") == wanted:
            return applied
        # Server-side apply leaves alone what other managers (a user, a restore) put there, and it would be believed.
        metadata = applied["metadata"]
        return await self._api.patch(
            custom_path(self._plural, metadata["namespace"], metadata["name"], "status"),
            [_as_read(metadata), {"op": "add", "path": "/status", "value": wanted}],
        )

    async def write_metadata(self, obj: Json, labels: Mapping[str, str]) -> Json:
        """Set these labels and our finalizer. Return the new object."""
        more = {"labels": dict(labels)} if labels else {}
        return await self._apply(obj, {**more, "finalizers": [names.FINALIZER]}, {})

    async def remove_finalizer(self, obj: Json) -> None:
        """Let the object go: take our finalizer away, no matter who put it there; an object that is gone is fine.

        Not by server-side apply, which leaves alone a finalizer that another manager (a user, a restore, GitOps) has
        put there, so that the object would never go.
        """
        metadata = obj["metadata"]
        others = [finalizer for finalizer in metadata.get("finalizers") or [] if finalizer != names.FINALIZER]
        try:
            await self._api.patch(
                custom_path(self._plural, metadata["namespace"], metadata["name"]),
                [_as_read(metadata), {"op": "replace", "path": "/metadata/finalizers", "value": others}],
            )
        except KubeError as error:
            if error.status != 404:
                raise

    async def record_event(self, obj: Json, *, warning: bool, reason: str, message: str, now: datetime) -> None:
        """Record one Event for the object. Best effort: it never fails."""
        await self._events.record(obj, warning=warning, reason=reason, message=message, now=now)

    async def _apply(self, obj: Json, metadata: Json, fields: Json, subresource: str = "") -> Json:
        known = {key: obj["metadata"][key] for key in _IDENTITY}
        path = custom_path(self._plural, known["namespace"], known["name"], subresource)
        kind = {"apiVersion": names.API_VERSION, "kind": self._kind}
        return await self._api.apply(path, {**kind, "metadata": {**known, **metadata}, **fields})


def _as_read(metadata: Json) -> Json:
    """The part of a JSON patch that lets it fail with 409 unless the object is the one that was read, unchanged.

    The API server compares the version with the present one: what came since, a finalizer for example, is not lost, and
    a namesake, which has another version, keeps its own.
    """
    return {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]}
