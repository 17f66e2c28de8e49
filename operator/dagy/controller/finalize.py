"""Deleting a package: stop its Jobs, delete its objects in S3 unless they are to be kept, then let it go.

The slug's claim stays: it is never given to another package, and the same namespace and name gets it back.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dagy.adapters.artifact_store import ArtifactStore
from dagy.adapters.cluster import Cluster
from dagy.core import keys
from dagy.core.reasons import StateReason
from dagy.core.status import timestamp
from dagy.model import names
from dagy.model.spec import DeletionPolicy
from dagy_builder.storage import StorageError

_RETRY_SECONDS = 15.0


async def finalize(cluster: Cluster, store: ArtifactStore, package: dict[str, Any], now: datetime) -> float | None:
    """One step of the deletion; the seconds after which to look again, or None when the package is let go."""
    metadata = package["metadata"]
    if names.FINALIZER not in (metadata.get("finalizers") or []):
        return None
    uid = metadata["uid"]
    for job in await cluster.jobs({names.LABEL_PACKAGE_UID: uid}):
        await cluster.delete_job(job.name)
    if await cluster.pods_exist(uid):  # one that still runs could upload after the deletion; its end wakes us
        return _RETRY_SECONDS
    slug = (package.get("status") or {}).get("slug") or (metadata.get("labels") or {}).get(names.LABEL_SLUG)
    retain = package["spec"].get("deletionPolicy") == DeletionPolicy.RETAIN
    if slug and not retain:
        try:
            await store.delete_prefix(keys.package_prefix(store.prefix, metadata["namespace"], slug))
        except StorageError as error:
            await _say_why(cluster, package, error, now)
            return _RETRY_SECONDS
    await cluster.write_metadata(package, slug=None, finalizer=False)
    return None


async def _say_why(cluster: Cluster, package: dict[str, Any], error: StorageError, now: datetime) -> None:
    message = (
        f"The package is being deleted, but its objects in S3 cannot be: {error.message} It is tried again every "
        f"{_RETRY_SECONDS:.0f} seconds. To let the package go and keep the objects, set spec.deletionPolicy to Retain."
    )
    status = dict(package.get("status") or {})
    if status.get("message") == message:
        return
    conditions = [c for c in status.get("conditions") or [] if c["type"] != "Ready"]
    since = timestamp(now, micro=False)
    generation = package["metadata"].get("generation", 0)
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": StateReason.DELETION_BLOCKED,
        "message": message,
        "lastTransitionTime": since,
        "observedGeneration": generation,
    }
    written = await cluster.write_status(package, {**status, "message": message, "conditions": [ready, *conditions]})
    await cluster.record_event(written, warning=True, reason=StateReason.DELETION_BLOCKED, message=message, now=now)
