"""Objects that the operator keeps in S3 and finds there again: locks, records of builds, logs.

S3 holds the truth about finished work; status only repeats it. boto3 blocks, so each call runs in a thread.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from dagy.adapters.packages.copying import copy_build, take_over
from dagy.adapters.packages.images import ImageRegistry
from dagy.core.common.failure import Failure
from dagy.core.common.images import is_pending, lost_image, never_pushed
from dagy.core.common.keys import LOG_NAME, Location, ObjectKey, PackageHome
from dagy.core.package.observed import Lock, Resolution, read_lock
from dagy.core.package.plan import BuildPlan
from dagy.core.package.records import Missing, Record, read_record
from dagy.model.spec import Bytecode
from dagy.model.status import ArtifactStatus
from dagy_builder.contract import Fault
from dagy_builder.storage.store import ObjectStore, StorageError

_LATE_AFTER = timedelta(hours=2, minutes=30)
"""Time after which nothing of a deleted package can still run: longest time-out, 2 h, and more for differing clocks."""

_MOST_CONFLICTS = 5


def failure_of_storage(error: StorageError) -> Failure:
    """Return the storage's error as a failure of the package."""
    return Failure(error.reason, error.message, Fault(error.fault))


class ArtifactStore:
    """The objects of all packages in one bucket. Every method raises StorageError when S3 refuses or is away."""

    def __init__(self, objects: ObjectStore, location: Location, images: ImageRegistry | None = None) -> None:
        self._objects, self.location, self._images = objects, location, images

    async def lock(self, home: PackageHome, spec_hash: str) -> Lock | None:
        """Return the lock kept for that spec hash; None when there is none that can be read."""
        return read_lock(await self._first(home.locks(spec_hash)), spec_hash)

    async def keep_lock(self, home: PackageHome, lock: Lock) -> None:
        """Keep the lock for the spec hash that it was found for; a newer one replaces an older one."""
        await self._put(home.lock(lock.resolution.spec_hash), lock.to_bytes(), "application/json")

    async def record(self, home: PackageHome, plan: BuildPlan, lock_hash: str) -> Record | Missing | None:
        """Return the finished build of that lock for the plan's target and options; Missing if its ZIP is gone."""
        wanted = replace(plan.request(), lock_hash=lock_hash)
        for build in (wanted, replace(wanted, bytecode=Bytecode.EXCLUDE)):
            found = read_record(await self._first(home.records(build)), home)
            # Keys hold the beginning of the hash only.
            if found and found.artifact.lock_hash == lock_hash and plan.takes(found.artifact.bytecode):
                return await self._whole(home, found)
        return None

    async def with_image(self, home: PackageHome, plan: BuildPlan, known: Record) -> Record:
        """Return the record with what S3 says of its image: where nobody has written that, none will come.

        While S3 is away, the record as it is: it can be used all the same.
        """
        try:
            found = await self.record(home, plan, known.artifact.lock_hash)
        except StorageError:
            return known
        told = found.artifact if isinstance(found, Record) and found.artifact.uri == known.artifact.uri else None
        if told is None or is_pending(told, home):
            told = never_pushed(known.artifact)
        image = {"image": told.image, "image_failure": told.image_failure}
        return replace(known, artifact=known.artifact.model_copy(update=image))

    async def lacks_image(self, home: PackageHome, image: str) -> bool:
        """Return True when the registry says that it has this image no more; it may not be asked."""
        return self._images is not None and await self._images.lacks(home, image)

    async def without_lost_image(self, home: PackageHome, record: Record) -> Record:
        """Return the record, which forgets its image when the registry does not have it any more."""
        image = record.artifact.image
        if image is None or not await self.lacks_image(home, image):
            return record
        told = lost_image(record.artifact)
        assert told.image_failure
        await self._amend(home, told, {"image": None, "imageFailure": told.image_failure.to_json()})
        return replace(record, artifact=told)

    async def size(self, key: ObjectKey) -> int | None:
        """Size of the object in bytes; None when there is none."""
        found = await asyncio.to_thread(self._objects.head, key.text)
        return found.size if found else None

    async def _whole(self, home: PackageHome, record: Record) -> Record | Missing:
        """Return the record when S3 says that its ZIP is there, with its size; Missing otherwise."""
        zipped = home.artifact_of(record.artifact.uri)
        size = await self.size(zipped) if zipped else None
        return record if size == record.artifact.size_bytes else Missing(record, size)

    async def all_records(self, home: PackageHome) -> list[Record]:
        """Return all finished builds of the package whose ZIPs are there, newest first."""
        listed = await asyncio.to_thread(lambda: list(self._objects.list(home.earlier.text)))
        keys = [key for key in map(home.listed, listed) if key and home.is_record(key)]
        records = [read_record(await self._get(key), home) for key in keys]
        whole = [await self._whole(home, record) for record in records if record]
        return sorted(
            (r for r in whole if isinstance(r, Record)), key=lambda record: record.artifact.built_at, reverse=True
        )

    async def keep_log(self, home: PackageHome, job: str, text: str) -> str:
        """Keep a Job's log. Return its URI."""
        key = home.log(job)
        await self._put(key, text.encode(), "text/plain; charset=utf-8")
        return self.location.uri(key)

    async def delete_log(self, home: PackageHome, job: str) -> None:
        """Delete a Job's log; one that is gone is fine."""
        await asyncio.to_thread(self._objects.delete, home.log(job).text)

    async def finish_record(self, home: PackageHome, record: Record, log_uri: str, image_id: str) -> Record:
        """Add to the record the facts that are known only outside the pod: the whole log, and the image's digest."""
        artifact, log = record.artifact, home.key_of(log_uri)
        zipped = home.artifact_of(artifact.uri)
        added = {"imageId": image_id} if image_id else {}
        if zipped and log:
            beside = home.beside(zipped, LOG_NAME)
            if await asyncio.to_thread(self._objects.copy, log.text, beside.text):
                added["logUri"] = self.location.uri(beside)
        return await self._amend(home, artifact, added) or record

    async def _amend(self, home: PackageHome, artifact: ArtifactStatus, fields: Mapping[str, Any]) -> Record | None:
        """Write fields into the artifact's record, as others may be doing. Return it; None when it is another's now."""
        key = home.records(artifact)[0]
        for _ in range(_MOST_CONFLICTS):
            found = await asyncio.to_thread(self._objects.get_tagged, key.text)
            kept = read_record(found[0], home) if found else None
            if found is None or kept is None or kept.artifact.uri != artifact.uri:
                break  # a later build's by now
            data = json.dumps({**json.loads(found[0]), **fields}, indent=1).encode()
            if await asyncio.to_thread(self._objects.replace, key.text, data, "application/json", found[1]):
                return read_record(data, home)
        return None

    async def copy_artifact(
        self, home: PackageHome, source: PackageHome, plan: BuildPlan, resolution: Resolution, build_token: str
    ) -> Record | None:
        """Copy the source's artifact of that lock and all that lies beside it; None when it is not there (any more)."""
        build = replace(plan.request(), lock_hash=resolution.lock_hash)
        origin = {"namespace": source.owned.key.namespace, "name": source.owned.key.name, "slug": source.slug}
        fields = {"slug": home.slug, "buildToken": build_token, "reusedFrom": origin}
        return read_record(await asyncio.to_thread(copy_build, self._objects, source, home, build, fields), home)

    async def delete_artifact(
        self, home: PackageHome, artifact: ArtifactStatus, kept: Iterable[ArtifactStatus] = ()
    ) -> None:
        """Delete one artifact's ZIP and all beside it; the record as well, unless a later build has taken its name.

        Its image goes as well, unless one of the artifacts in `kept` has the same.
        """
        zipped = home.artifact_of(artifact.uri)
        if zipped is None:
            return  # the writer of that status did not mean the package's own
        for key in home.records(artifact):  # first: nothing may point at a ZIP that is gone
            found = read_record(await self._get(key), home)
            if found and found.artifact.uri == artifact.uri:
                await asyncio.to_thread(self._objects.delete, key.text)
        beside = await asyncio.to_thread(lambda: list(self._objects.list(home.artifact_prefix(zipped).text)))
        await asyncio.to_thread(self._objects.delete_all, beside)
        if self._images:
            await self._images.delete(home, [artifact], kept)

    async def mark(self, home: PackageHome) -> None:
        """Leave a trace of a package that may have none of its own yet."""
        await self._put(home.trace, b"", "text/plain")

    async def has_traces(self, namespace: str, slug: str, uid: str) -> bool:
        """Return True when that very package has written anything at that slug."""
        prefix = self.location.traces(namespace, slug, uid)
        return await asyncio.to_thread(lambda: next(iter(self._objects.list(prefix.text)), None) is not None)

    async def take_over(self, home: PackageHome) -> None:
        """Take over the objects that predecessors of its name have left to the package (deletionPolicy Retain)."""
        await asyncio.to_thread(take_over, self._objects, home)

    async def retain(self, home: PackageHome) -> None:
        """Leave a deleted package's objects to a namesake."""
        await self._put(home.retained, b"", "text/plain")

    async def delete(self, home: PackageHome) -> None:
        """Delete everything of one package. Nothing of a namesake that comes after it can be among that."""
        if self._images and self._images.deletes:  # before the records that name them
            await self._images.delete(home, [record.artifact for record in await self.all_records(home)])
        await self._put(home.note_of_deletion, b"", "text/plain")
        await asyncio.to_thread(self._objects.delete_prefix, home.folder.text)
        listed = await asyncio.to_thread(lambda: list(self._objects.list(home.earlier.text)))
        flat = [key.text for key in map(home.listed, listed) if key]
        await asyncio.to_thread(self._objects.delete_all, flat)
        # Left to this package by predecessors, one of whose operators was late: nobody would come after it.
        for theirs in home.predecessors(listed):
            if await self.size(theirs.retained) is not None:
                await asyncio.to_thread(self._objects.delete_prefix, theirs.folder.text)

    async def sweep(self, now: datetime) -> None:
        """Delete objects that came after their package's deletion, from pods on nodes that nobody could reach."""
        deleted = self.location.deleted
        notes = await asyncio.to_thread(lambda: list(self._objects.list_since(deleted.text)))
        for listed, since in notes:
            found = self.location.deleted_in(listed)
            if found and now - since > _LATE_AFTER:
                note, folder = found
                await asyncio.to_thread(self._objects.delete_prefix, folder.text)
                await asyncio.to_thread(self._objects.delete, note.text)

    async def _first(self, keys: Iterable[ObjectKey]) -> bytes | None:
        for key in keys:
            data = await self._get(key)
            if data is not None:
                return data
        return None

    async def _get(self, key: ObjectKey) -> bytes | None:
        return await asyncio.to_thread(self._objects.get, key.text)

    async def _put(self, key: ObjectKey, data: bytes, content_type: str) -> None:
        await asyncio.to_thread(self._objects.put, key.text, data, content_type)
