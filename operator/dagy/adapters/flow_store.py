"""The code of flows in S3: uploads of one namespace's deployments. Every method raises StorageError when S3 refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from dagy.core.flow_artifact import own_key
from dagy.core.keys import flow_prefix
from dagy.core.plan import Key
from dagy_builder.storage import ObjectStore


class FlowStore:
    """The part of the bucket that holds flows."""

    def __init__(self, objects: ObjectStore, prefix: str) -> None:
        self._objects, self.prefix = objects, prefix

    def own_key(self, uri: str, namespace: str) -> str | None:
        """The object's key, when it is an upload of that namespace."""
        return own_key(uri, self._objects.bucket, self.prefix, namespace)

    def own_keys(self, uris: Iterable[str], namespace: str) -> list[str]:
        """Those of the URIs that are uploads of that namespace, as keys."""
        return [key for key in (self.own_key(uri, namespace) for uri in uris) if key]

    async def size(self, key: str) -> int | None:
        """The object's size in bytes, or None when there is none."""
        found = await asyncio.to_thread(self._objects.head, key)
        return found.size if found else None

    async def uploads(self, key: Key) -> list[str]:
        """Keys of everything that was uploaded for a deployment."""
        prefix = flow_prefix(self.prefix, key.namespace, key.name)
        return await asyncio.to_thread(lambda: list(self._objects.list(prefix)))

    async def delete(self, keys: Iterable[str]) -> None:
        """Delete these objects."""
        for key in keys:
            await asyncio.to_thread(self._objects.delete, key)

    async def delete_uploads(self, key: Key) -> None:
        """Delete everything that was uploaded for a deployment, unfinished uploads included."""
        await asyncio.to_thread(self._objects.delete_prefix, flow_prefix(self.prefix, key.namespace, key.name))
