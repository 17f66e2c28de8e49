"""Looking: the facts in the cluster and in S3 about one deployment, and the artifacts that its packages allow."""

from __future__ import annotations

import asyncio

from dagy.adapters.flows.cluster import FlowCluster
from dagy.adapters.flows.store import FlowStore
from dagy.adapters.packages.attach_lookup import AttachLookup
from dagy.core.attach.pin import Attachment
from dagy.core.attach.refusals import AttachReason, Refusal, not_seen
from dagy.core.flows import artifact as flow_artifact
from dagy.core.flows.plan import FlowPlan, is_deployed, request_for
from dagy.core.flows.reasons import FlowReason
from dagy.core.flows.revisions import KeptRevision
from dagy.core.flows.states import Observed
from dagy.model.flowstatus import FlowDeploymentStatus
from dagy_builder.storage.store import StorageError


class FlowObserver:
    """Gathers facts. Raises KubeError; S3's refusals become part of the facts."""

    def __init__(self, cluster: FlowCluster, store: FlowStore, lookup: AttachLookup) -> None:
        self._cluster, self._store, self._lookup = cluster, store, lookup

    async def observe(self, plan: FlowPlan, status: FlowDeploymentStatus) -> Observed:
        """Return all facts about the deployment."""
        revisions, cron_job = await asyncio.gather(
            self._cluster.revisions(plan.key, plan.uid), self._cluster.cron_job(plan.key)
        )
        runs = await self._cluster.runs(plan.key, plan.uid, plan.run, cron_job)
        refreshed = status.last_handled_refresh or ""
        try:
            attachment = await self._resolve_attachment(plan, revisions[0] if revisions else None, refreshed)
        except StorageError as error:
            attachment = Refusal(FlowReason.STORAGE_UNAVAILABLE, f"{error.message} It is asked again.", waiting=True)
        return Observed(
            revisions=revisions,
            runs=runs,
            cron_job=cron_job,
            attachment=attachment,
            handled_run=status.last_handled_run or "",
            handled_refresh=refreshed,
        )

    async def _resolve_attachment(
        self, plan: FlowPlan, present: KeptRevision | None, refreshed: str
    ) -> Attachment | Refusal:
        deployed = present if is_deployed(plan, present, refreshed) else None
        if deployed is None:
            refusal = await self._check_code(plan)
            if refusal:
                return refusal
        request = request_for(plan, deployed.revision if deployed else None)
        found = await self._lookup.plan(request, only_current=True, compare=deployed is None)
        # What is deployed had its packages: one that is unknown now is gone.
        if deployed is None and isinstance(found, Refusal) and found.reason is AttachReason.UNKNOWN_SLUG:
            return await self._perhaps_new(plan, [package.slug for package in request.wanted]) or found
        return found

    async def _perhaps_new(self, plan: FlowPlan, slugs: list[str]) -> Refusal | None:
        """Return the refusal for as long as a package may turn out to have such a slug: Git often creates both."""
        if await self._cluster.awaits_first_look(plan.key.namespace, slugs):
            return not_seen(slugs, plan.key.namespace)
        return None

    async def _check_code(self, plan: FlowPlan) -> Refusal | None:
        artifact = plan.source.artifact
        upload = self._store.home(plan.key.namespace).upload_of(artifact.uri)
        if upload is None:
            return flow_artifact.foreign(artifact.uri, plan.key.namespace)
        size = await self._store.size(upload)
        return None if size == artifact.size_bytes else flow_artifact.missing(artifact.uri, artifact.size_bytes, size)
