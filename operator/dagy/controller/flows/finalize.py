"""Letting go of a flow's code: of a deployment that is deleted, and of revisions past the history's limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from dagy.adapters.flows.cluster import FlowCluster
from dagy.adapters.flows.store import FlowStore
from dagy.core.common.conditions import conditions_of
from dagy.core.common.keys import FlowUpload
from dagy.core.flows.artifact import deletable
from dagy.core.flows.plan import flow_status_in
from dagy.core.flows.reasons import FlowReason
from dagy.core.flows.revisions import KeptRevision
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy.model.spec import DeletionPolicy
from dagy.model.status import ConditionType
from dagy_builder.storage.store import StorageError

_RETRY_SECONDS = 15.0


class FlowCleaner:
    """Deletes what nobody uses any more. `wake` is called with each package that may be let go now."""

    def __init__(self, cluster: FlowCluster, store: FlowStore, wake: Callable[[NamespacedName], None]) -> None:
        self._cluster, self._store, self._wake = cluster, store, wake

    async def finalize(self, deployment: dict[str, Any], now: datetime) -> float | None:
        """Delete what the deployment leaves behind, then let it go; the seconds after which to look again, or None."""
        metadata = deployment["metadata"]
        if names.FINALIZER not in (metadata.get("finalizers") or []):
            return None
        key = NamespacedName(metadata["namespace"], metadata["name"])
        for run in await self._cluster.runs(key, metadata["uid"]):
            if run.owned:
                await self._cluster.delete_run(key.namespace, run.run.job_name)
        kept = await self._cluster.revisions(key, metadata["uid"])
        if deployment["spec"].get("deletionPolicy") != DeletionPolicy.RETAIN:
            try:
                await self._delete_code(deployment, kept)
            except StorageError as error:
                await self._say_why(deployment, error, now)
                return _RETRY_SECONDS
        await self._cluster.let_go(deployment)
        self._wake_packages(kept)
        return None

    async def forget(
        self, deployment: dict[str, Any], revisions: Iterable[KeptRevision], kept: Iterable[KeptRevision]
    ) -> None:
        """Delete revisions and their code, unless what is `kept` or another deployment uses it. Raises StorageError."""
        metadata = deployment["metadata"]
        key, old = NamespacedName(metadata["namespace"], metadata["name"]), tuple(revisions)
        released = self._store.own(_uris(old), key.namespace)
        mine = [*_uris(kept), deployment["spec"]["artifact"]["uri"]]
        await self._store.delete(await self._unused(key, metadata["uid"], released, mine))
        for revision in old:  # last: it remembers what is to be deleted
            await self._cluster.delete_revision(key.namespace, revision.name)
        self._wake_packages(old)

    async def _delete_code(self, deployment: dict[str, Any], kept: tuple[KeptRevision, ...]) -> None:
        metadata = deployment["metadata"]
        key = NamespacedName(metadata["namespace"], metadata["name"])
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

    async def _say_why(self, deployment: dict[str, Any], error: StorageError, now: datetime) -> None:
        reason = FlowReason.DELETION_BLOCKED
        message = (
            f"The deployment is being deleted, but its code in S3 cannot be: {error.message} It is tried again every "
            f"{_RETRY_SECONDS:.0f} seconds. To let it go and keep the code, set spec.deletionPolicy to Retain."
        )
        status = flow_status_in(deployment)
        if status.message == message:
            return
        generation = deployment["metadata"].get("generation", 0)
        new = conditions_of(status.conditions, [(ConditionType.READY, False, reason, message)], generation, now)
        others = [c for c in status.conditions if c.type != ConditionType.READY]
        said = status.model_copy(update={"message": message, "conditions": [*new, *others]})
        written = await self._cluster.write_status(deployment, said.to_json())
        await self._cluster.record_event(written, warning=True, reason=reason, message=message, now=now)


def _uris(revisions: Iterable[KeptRevision]) -> list[str]:
    return [kept.revision.spec.artifact.uri for kept in revisions]
