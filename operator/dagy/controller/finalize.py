"""Deleting a package: wait while flows use it, stop its Jobs, delete its objects in S3 unless they are kept, let it go.

The slug's claim stays: it is never given to another package, and the same namespace and name gets it back.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from dagy.adapters.artifact_store import ArtifactStore
from dagy.adapters.cluster import Cluster
from dagy.core import keys
from dagy.core.conditions import conditions_of
from dagy.core.flow_reasons import used_by
from dagy.core.reasons import StateReason
from dagy.core.remembered import status_in
from dagy.model import names
from dagy.model.spec import DeletionPolicy
from dagy.model.status import ConditionType
from dagy_builder.storage import StorageError

_RETRY_SECONDS = 15.0


async def finalize(cluster: Cluster, store: ArtifactStore, package: dict[str, Any], now: datetime) -> float | None:
    """One step of the deletion; the seconds after which to look again, or None when the package is let go."""
    metadata = package["metadata"]
    if names.FINALIZER not in (metadata.get("finalizers") or []):
        return None
    uid = metadata["uid"]
    slug = (package.get("status") or {}).get("slug") or (metadata.get("labels") or {}).get(names.LABEL_SLUG)
    if slug and (metadata.get("annotations") or {}).get(names.FORCE_DELETE) != "true":
        users = await cluster.flows.users(slug)
        if users:
            await _say_why(cluster, package, StateReason.IN_USE, used_by(users), now)
            return _RETRY_SECONDS
    for job in await cluster.jobs({names.LABEL_PACKAGE_UID: uid}):
        await cluster.delete_job(job.name)
    if await cluster.pods_exist(uid):  # one that still runs could upload after the deletion; its end wakes us
        return _RETRY_SECONDS
    retain = package["spec"].get("deletionPolicy") == DeletionPolicy.RETAIN
    if slug and not retain:
        try:
            await store.delete_prefix(keys.package_prefix(store.prefix, metadata["namespace"], slug))
        except StorageError as error:
            await _say_why(cluster, package, StateReason.DELETION_BLOCKED, _storage_refused(error), now)
            return _RETRY_SECONDS
    await cluster.write_metadata(package, slug=None, finalizer=False)
    return None


def _storage_refused(error: StorageError) -> str:
    return (
        f"The package is being deleted, but its objects in S3 cannot be: {error.message} It is tried again every "
        f"{_RETRY_SECONDS:.0f} seconds. To let the package go and keep the objects, set spec.deletionPolicy to Retain."
    )


async def _say_why(cluster: Cluster, package: dict[str, Any], reason: StateReason, message: str, now: datetime) -> None:
    """Set the condition DeletionBlocked. What flows use stays Ready; what S3 began to lose does not."""
    status = status_in(package)
    if status.message == message:
        return
    rows = [(ConditionType.DELETION_BLOCKED, True, reason, message)]
    if reason is not StateReason.IN_USE:
        rows.append((ConditionType.READY, False, reason, message))
    new = conditions_of(status.conditions, rows, package["metadata"].get("generation", 0), now)
    others = [c for c in status.conditions if c.type not in {c.type for c in new}]
    blocked = status.model_copy(update={"message": message, "conditions": [*new, *others]})
    written = await cluster.write_status(package, blocked.to_json())
    await cluster.record_event(written, warning=True, reason=reason, message=message, now=now)
