"""What the operator keeps in S3 and finds there again: locks, records of builds, logs.

S3 is where the truth about finished work lies; status only repeats it. boto3 blocks, so each call runs in a thread.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace

from dagy.adapters.copying import copy_build
from dagy.core import keys
from dagy.core.failure import Failure
from dagy.core.plan import BuildPlan
from dagy.core.reuse import Source
from dagy.core.states import Record, Resolution
from dagy_builder.contract import Artifact, Fault
from dagy_builder.keys import BuildKeys, family, key_of, sidecar_key, uri
from dagy_builder.storage import ObjectStore, StorageError

_RECORD_SUFFIX = ".build.json"
_LOG_NAME = "build.log"


@dataclass(frozen=True)
class Lock:
    """A resolution together with the text of its pylock.toml."""

    resolution: Resolution
    text: str


def failure_of_storage(error: StorageError) -> Failure:
    """The storage's error as a failure of the package."""
    return Failure(error.reason, error.message, Fault(error.fault))


class ArtifactStore:
    """The objects of all packages in one bucket. Every method raises StorageError when S3 refuses or is away."""

    def __init__(self, objects: ObjectStore, prefix: str) -> None:
        self._objects, self.prefix = objects, prefix

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self._objects.bucket

    def package_prefix(self, plan: BuildPlan, slug: str) -> str:
        """Key prefix of one package."""
        return keys.package_prefix(self.prefix, plan.key.namespace, slug)

    async def lock(self, plan: BuildPlan, slug: str) -> Lock | None:
        """The lock kept for the plan's spec hash."""
        key = keys.resolution_key(self.package_prefix(plan, slug), plan.spec_hash)
        data = await asyncio.to_thread(self._objects.get, key)
        if data is None:
            return None
        kept = json.loads(data)
        warnings = tuple(kept.get("warnings", ()))
        resolution = Resolution(kept["specHash"], kept["lockHash"], kept.get("refreshToken", ""), warnings)
        return Lock(resolution, kept["lock"])

    async def keep_lock(self, plan: BuildPlan, slug: str, lock: Lock) -> None:
        """Keep the lock for the plan's spec hash; a newer one replaces an older one."""
        key = keys.resolution_key(self.package_prefix(plan, slug), plan.spec_hash)
        found = lock.resolution
        kept = {
            "specHash": found.spec_hash,
            "lockHash": found.lock_hash,
            "refreshToken": found.refresh_token,
            "warnings": list(found.warnings),
            "lock": lock.text,
        }
        await asyncio.to_thread(self._objects.put, key, json.dumps(kept).encode(), "application/json")

    async def record(self, plan: BuildPlan, slug: str, lock_hash: str) -> Record | None:
        """The finished build of that lock for the plan's target and compression."""
        build = replace(plan.request(), lock_hash=lock_hash)
        key = BuildKeys.of(self.package_prefix(plan, slug), build).record
        data = await asyncio.to_thread(self._objects.get, key)
        return _record(data) if data else None

    async def all_records(self, plan: BuildPlan, slug: str) -> list[Record]:
        """All finished builds of the package, newest first."""
        prefix = self.package_prefix(plan, slug)
        keys_there = await asyncio.to_thread(self._objects.list, prefix)
        found = [key for key in keys_there if key.endswith(_RECORD_SUFFIX)]
        kept = [await asyncio.to_thread(self._objects.get, key) for key in found]
        records = [_record(data) for data in kept if data]
        return sorted(records, key=lambda record: record.artifact.built_at, reverse=True)

    async def keep_log(self, plan: BuildPlan, slug: str, job: str, text: str) -> str:
        """Keep a Job's log; its URI."""
        key = keys.log_key(self.package_prefix(plan, slug), job)
        await asyncio.to_thread(self._objects.put, key, text.encode(), "text/plain; charset=utf-8")
        return f"s3://{self.bucket}/{key}"

    async def delete_prefix(self, prefix: str) -> int:
        """Delete everything of one package; the number of objects that were there."""
        return await asyncio.to_thread(self._objects.delete_prefix, prefix)

    async def finish_record(self, plan: BuildPlan, slug: str, record: Record, log_uri: str, image_id: str) -> Record:
        """Add to the record what only somebody outside the pod can know: the whole log, and the image's digest."""
        artifact = record.artifact
        key = BuildKeys.of(self.package_prefix(plan, slug), artifact).record
        beside = sidecar_key(key_of(artifact.uri), _LOG_NAME)
        if bool(log_uri) and await asyncio.to_thread(self._objects.copy, key_of(log_uri), beside):
            artifact = replace(artifact, log_uri=uri(self.bucket, beside))
        found = await asyncio.to_thread(self._objects.get_tagged, key)
        if found is None or _record(found[0]).artifact.uri != artifact.uri:
            return record  # a later build's by now
        told = {**json.loads(found[0]), **artifact.to_json(), **({"imageId": image_id} if image_id else {})}
        data = json.dumps(told, indent=1).encode()
        done = await asyncio.to_thread(self._objects.replace, key, data, "application/json", found[1])
        return replace(record, artifact=artifact) if done else record

    async def copy_artifact(
        self, plan: BuildPlan, slug: str, resolution: Resolution, source: Source, build_token: str
    ) -> Record | None:
        """Copy the source's artifact of that lock and what lies beside it; None when it is not there (any more)."""
        build = replace(plan.request(), lock_hash=resolution.lock_hash)
        theirs, ours = (BuildKeys.of(self.package_prefix(plan, s), build) for s in (source.slug, slug))
        origin = {"namespace": plan.key.namespace, "name": source.name, "slug": source.slug}
        told = {"slug": slug, "buildToken": build_token, "reusedFrom": origin}
        data = await asyncio.to_thread(copy_build, self._objects, theirs, ours, told)
        return _record(data) if data else None

    async def delete_artifact(self, plan: BuildPlan, slug: str, artifact: Artifact) -> None:
        """Delete one artifact's ZIP and what lies beside it; the record as well, unless a later build has taken it."""
        record_key = BuildKeys.of(self.package_prefix(plan, slug), artifact).record
        data = await asyncio.to_thread(self._objects.get, record_key)
        if data and _record(data).artifact.uri == artifact.uri:  # first: nothing may point at a ZIP that is gone
            await asyncio.to_thread(self._objects.delete, record_key)
        for key in await asyncio.to_thread(lambda: list(self._objects.list(family(key_of(artifact.uri))))):
            await asyncio.to_thread(self._objects.delete, key)


def _record(data: bytes) -> Record:
    kept = json.loads(data)
    origin = kept.get("reusedFrom")
    source = Source(origin["name"], origin["slug"]) if origin else None
    return Record(Artifact.from_json(kept), kept.get("buildToken", ""), source)
