"""The code of flows in S3: uploads of one namespace's deployments. Every method raises StorageError when S3 refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from dagy.core.common.keys import FlowHome, FlowUpload, Location
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore


class FlowStore:
    """The part of the bucket that holds flows."""

    def __init__(self, objects: ObjectStore, location: Location) -> None:
        self._objects, self._location = objects, location

    def home(self, namespace: str) -> FlowHome:
        """Return the place of a namespace's uploads."""
        return FlowHome(self._location, namespace)

    def own(self, uris: Iterable[str], namespace: str) -> list[FlowUpload]:
        """Return the uploads of that namespace among the URIs."""
        return [upload for upload in map(self.home(namespace).upload_of, uris) if upload]

    async def size(self, upload: FlowUpload) -> int | None:
        """Return the object's size in bytes; None when there is none."""
        found = await asyncio.to_thread(self._objects.head, upload.key.text)
        return found.size if found else None

    async def uploads(self, key: NamespacedName) -> list[FlowUpload]:
        """Return everything that was uploaded for a deployment."""
        home = self.home(key.namespace)
        listed = await asyncio.to_thread(lambda: list(self._objects.list(home.uploads(key.name).text)))
        return [upload for upload in map(home.listed, listed) if upload]

    async def delete(self, uploads: Iterable[FlowUpload]) -> None:
        """Delete these objects."""
        await asyncio.to_thread(self._objects.delete_all, [upload.key.text for upload in uploads])

    async def delete_uploads(self, key: NamespacedName) -> None:
        """Delete everything that was uploaded for a deployment, unfinished uploads included."""
        await asyncio.to_thread(self._objects.delete_prefix, self.home(key.namespace).uploads(key.name).text)
