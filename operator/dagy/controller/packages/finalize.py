"""Deleting a package: wait while flows use it, stop its Jobs, delete its objects in S3 unless they are kept, let it go.

The slug's claim stays: it is never given to another package, and the same namespace and name gets it back. Objects
to delete are found by the claim and the package's UID, never by the words of status or a label.
"""

from __future__ import annotations

from itertools import chain

from dagy.adapters.packages.artifact_store import ArtifactStore
from dagy.adapters.packages.cluster import Cluster
from dagy.controller.engine.reconciler import ManagedObject
from dagy.controller.packages.slugs import Slugs
from dagy.core.common.conditions import Row
from dagy.core.common.reasons import StateReason
from dagy.core.flows.reasons import used_by
from dagy.core.package.status_cache import status_in
from dagy.model import constants as names
from dagy.model.spec import DeletionPolicy
from dagy.model.status import ConditionType
from dagy_builder.storage.store import StorageError

_RETRY_SECONDS = 15.0


async def finalize(cluster: Cluster, store: ArtifactStore, slugs: Slugs, obj: ManagedObject) -> float | None:
    """Take one step of the deletion. Return the seconds until the next look, or None when the package is let go."""
    package, uid = obj.manifest, obj.metadata["uid"]
    retain = package["spec"].get("deletionPolicy") == DeletionPolicy.RETAIN
    try:
        homes = await slugs.homes(package)
    except StorageError as error:
        if not retain:
            return await _blocked(obj, StateReason.DELETION_BLOCKED, _storage_refused(error))
        homes = []
    if (obj.metadata.get("annotations") or {}).get(names.FORCE_DELETE) != "true":
        users = [user for home in homes for user in await cluster.flows.users(home.owned)]
        if users:
            return await _blocked(obj, StateReason.IN_USE, used_by(users))
    for job in await cluster.jobs({names.LABEL_PACKAGE_UID: uid}):
        await cluster.delete_job(job.name)
    pods = await cluster.jobs_of_pods(uid)
    for name, job_uid in chain.from_iterable(pods):  # a Job that has lost its labels is found by its pod
        await cluster.delete_job(name, job_uid)
    if pods:  # one that still runs could upload after the deletion; its end wakes us
        return _RETRY_SECONDS
    try:
        for home in homes:
            await (store.retain(home) if retain else store.delete(home))
    except StorageError as error:
        if not retain:  # a namesake finds the objects all the same
            return await _blocked(obj, StateReason.DELETION_BLOCKED, _storage_refused(error))
    await obj.remove_finalizer()
    slugs.forget(package)
    return None


def _storage_refused(error: StorageError) -> str:
    return (
        f"The package is being deleted, but its objects in S3 cannot be: {error.message} It is tried again every "
        f"{_RETRY_SECONDS:.0f} seconds. To let the package go and keep the objects, set spec.deletionPolicy to Retain."
    )


async def _blocked(obj: ManagedObject, reason: StateReason, message: str) -> float:
    """Set the condition DeletionBlocked. A package that flows use stays Ready; one that S3 began to lose does not."""
    rows: list[Row] = [(ConditionType.DELETION_BLOCKED, True, reason, message)]
    if reason is not StateReason.IN_USE:
        rows.append((ConditionType.READY, False, reason, message))
    await obj.explain_delay(status_in(obj.manifest), rows, reason, message)
    return _RETRY_SECONDS
