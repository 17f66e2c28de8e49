"""What is in an artifact, read from what lies beside it in S3: its lock and its list of files."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from dagy.core.attach import Contents
from dagy.core.attach_contents import ContentsError, files_of_list, versions_of_lock
from dagy.model.status import ArtifactStatus
from dagy_builder.storage import ObjectStore

_MOST_KEPT = 32  # a list of 6,000 files takes about 1 MB


class ArtifactContents:
    """Contents by artifact. Artifacts never change, so what was read once is kept."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._kept: OrderedDict[str, Contents] = OrderedDict()

    async def of(self, artifact: ArtifactStatus) -> Contents | None:
        """The contents, or None when S3 has no record of them (any more). Raises StorageError."""
        found = self._kept.get(artifact.sha256) or await asyncio.to_thread(self._read, artifact)
        if found:
            self._kept[artifact.sha256] = found
            self._kept.move_to_end(artifact.sha256)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return found

    def _read(self, artifact: ArtifactStatus) -> Contents | None:
        lock, files = self._object(artifact.lock_uri), self._object(artifact.contents_uri)
        if lock is None or files is None:
            return None
        try:
            return Contents(versions_of_lock(lock.decode()), files_of_list(files))
        except (ContentsError, UnicodeDecodeError):
            return None

    def _object(self, uri: str | None) -> bytes | None:
        bucket = f"s3://{self._objects.bucket}/"
        return self._objects.get(uri.removeprefix(bucket)) if uri and uri.startswith(bucket) else None
