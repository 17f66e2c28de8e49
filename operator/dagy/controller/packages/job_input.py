"""The input of Jobs: everything that one gets is read before it exists, in the same look, and created after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dagy.adapters.packages.artifact_store import ArtifactStore
from dagy.adapters.packages.cluster import Cluster
from dagy.controller.packages.context import ReconcileContext
from dagy.controller.packages.observe import Observer
from dagy.core.common.failure import Failure
from dagy.core.common.images import repository_of
from dagy.core.jobs.index_access import references_of
from dagy.core.jobs.index_hosts import refused_host
from dagy.core.jobs.manifests import JobSettings, index_secret, input_config_map, input_files
from dagy.core.outcomes.facts import JobFact
from dagy.core.package.decide import StartJob
from dagy.core.package.observed import IndexAccess, Resolution
from dagy.core.package.plan import BuildPlan
from dagy.model.status import JobKind


@dataclass(frozen=True)
class Given:
    """Input of a Job beside its manifest."""

    files: Mapping[str, str | bytes]
    access: IndexAccess


class JobInput:
    """Reads and provides what Jobs get beside their manifests."""

    def __init__(self, cluster: Cluster, store: ArtifactStore, observer: Observer, settings: JobSettings) -> None:
        self._cluster, self._store, self._observer, self._settings = cluster, store, observer, settings

    async def gather(self, ctx: ReconcileContext, start: StartJob) -> Given | Failure | None:
        """Return the Job's input; a Failure when its index settings can't be used, None when its lock is gone.

        Everything is read before the Job exists, in the same look, so that the Job gets its settings as of its start.
        """
        ctx.learn(await self._observer.with_access(ctx.plan, ctx.seen))
        plan, seen = ctx.plan, ctx.seen
        refused, access = refused_host(plan, self._settings.index.hosts) or seen.index_refused, seen.index_access
        if refused or access is None:
            return refused
        request, lock = replace(plan.request(), slug=seen.slug, bucket=self._store.location.bucket), None
        if not request.index_url and self._settings.index.url:
            request = replace(request, index_url=self._settings.index.url)
        if start.resolution:
            lock = await self._store.lock(ctx.home, plan.spec_hash)
            if lock is None or lock.resolution.lock_hash != start.resolution.lock_hash:
                return None
            request = replace(
                request,
                lock_hash=start.resolution.lock_hash,
                image_repository=str(repository_of(ctx.home) or ""),
                image_plain_http=self._settings.registry.plain_http,
                key_prefix=ctx.home.folder.text,
                build_token=plan.requested.build or seen.handled.build,
                attempt=start.attempt,
            )
        return Given(input_files(request, lock.text if lock else None, access.certificates), access)

    async def provide(self, plan: BuildPlan, start: StartJob, job_uid: str, given: Given) -> None:
        """Create the Job's Secret and then its ConfigMap, which stands for both, where they do not exist."""
        if given.access.credentials:
            await self._cluster.create_secret(index_secret(plan, start, job_uid, self._settings, given.access))
        await self._cluster.create_config_map(input_config_map(plan, start, job_uid, self._settings, given.files))

    async def provide_again(self, ctx: ReconcileContext, job: JobFact, resolution: Resolution | None) -> bool:
        """Provide what a Job that has been created lacks. Return True when it was deleted, for it can't be had."""
        # Looked at, not remembered: somebody may have deleted it. Secrets can't be read, but created again.
        has_input = await self._cluster.has_input(job.name)
        if has_input and not references_of(ctx.plan).secrets:
            return False
        needed = resolution if job.kind is JobKind.BUILD else None
        start = StartJob(job.kind, ctx.seen.slug, job.input_hash, job.attempt, needed)
        given = await self.gather(ctx, start)
        if isinstance(given, Failure) and not has_input:
            # Its pod would wait for volumes, and the failure isn't its list's.
            await self._cluster.delete_job(job.name)
            ctx.learn(replace(ctx.seen, index_refused=given))
            ctx.drop_jobs({job.name})
            return True
        if isinstance(given, Given):  # else the next look resolves again
            await self.provide(ctx.plan, start, job.uid, given)
        return False
