"""Letting go of a flow's code: of a deployment that is deleted, and of revisions past the history's limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from dagy.adapters.flows.cluster import FlowCluster
from dagy.adapters.flows.store import FlowStore
from dagy.controller.engine.reconciler import ManagedObject
from dagy.core.common.conditions import Row
from dagy.core.common.keys import FlowUpload
from dagy.core.flows.artifact import deletable
from dagy.core.flows.plan import flow_status_in
from dagy.core.flows.reasons import FlowReason
from dagy.core.flows.revisions import KeptRevision
from dagy.model.base import NamespacedName
from dagy.model.spec import DeletionPolicy
from dagy.model.status import ConditionType
from dagy_builder.storage.store import StorageError

_RETRY_SECONDS = 15.0


class FlowCleaner:
    """Deletes code and revisions that nobody uses any more; calls `wake` with each package that may be let go now."""

    def __init__(self, cluster: FlowCluster, store: FlowStore, wake: Callable[[NamespacedName], None]) -> None:
        self._cluster, self._store, self._wake = cluster, store, wake

    async def finalize(self, obj: ManagedObject) -> float | None:
        """Delete the deployment's runs and code, then let it go. Return the seconds until the next look, or None."""
        deployment, key, uid = obj.manifest, obj.key, obj.metadata["uid"]
        for run in await self._cluster.runs(key, uid):
            if run.owned:
                await self._cluster.delete_run(key.namespace, run.run.job_name)
        kept = await self._cluster.revisions(key, uid)
        if deployment["spec"].get("deletionPolicy") != DeletionPolicy.RETAIN:
            try:
                await self._delete_code(deployment, kept)
            except StorageError as error:
                return await _blocked(obj, error)
        await obj.remove_finalizer()
        self._wake_packages(kept)
        return None

    async def delete_revisions(
        self, deployment: dict[str, Any], revisions: Iterable[KeptRevision], kept: Iterable[KeptRevision]
    ) -> None:
        """Delete revisions and their code, except code that `kept` or another deployment uses. Raises StorageError."""
        metadata = deployment["metadata"]
        key, old = NamespacedName.of(metadata), tuple(revisions)
        released = self._store.own(_uris(old), key.namespace)
        mine = [*_uris(kept), deployment["spec"]["artifact"]["uri"]]
        await self._store.delete(await self._unused(key, metadata["uid"], released, mine))
        for revision in old:  # last: it remembers the code that is to be deleted
            await self._cluster.delete_revision(key.namespace, revision.name)
        self._wake_packages(old)

    async def _delete_code(self, deployment: dict[str, Any], kept: tuple[KeptRevision, ...]) -> None:
        metadata = deployment["metadata"]
        key = NamespacedName.of(metadata)
        uris = [*_uris(kept), deployment["spec"]["artifact"]["uri"]]
        uploads = await self._store.uploads(key)
        unused = await self._unused(key, metadata["uid"], [*self._store.own(uris, key.namespace), *uploads], [])
        if set(uploads) <= set(unused):
            await self._store.delete_uploads(key)
        await self._store.delete(unused)

    async def _unused(
        self, key: NamespacedName, uid: str, released: Iterable[FlowUpload], mine: Iterable[str]
    ) -> list[FlowUpload]:
        living, used = await self._cluster.code_of_others(key.namespace, uid)
        return deletable(released, self._store.own([*mine, *used], key.namespace), living, key)

    def _wake_packages(self, revisions: Iterable[KeptRevision]) -> None:
        for package in {NamespacedName(p.namespace, p.name) for kept in revisions for p in kept.revision.packages}:
            self._wake(package)


async def _blocked(obj: ManagedObject, error: StorageError) -> float:
    reason = FlowReason.DELETION_BLOCKED
    message = (
        f"The deployment is being deleted, but its code in S3 cannot be: {error.message} It is tried again every "
        f"{_RETRY_SECONDS:.0f} seconds. To let it go and keep the code, set spec.deletionPolicy to Retain."
    )
    rows: list[Row] = [(ConditionType.READY, False, reason, message)]
    await obj.explain_delay(flow_status_in(obj.manifest), rows, reason, message)
    return _RETRY_SECONDS


def _uris(revisions: Iterable[KeptRevision]) -> list[str]:
    return [kept.revision.spec.artifact.uri for kept in revisions]
