"""Looking: the facts in the cluster and in S3 about one package. Status saves look-ups, it never adds a fact."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from dagy.adapters.packages.artifact_store import ArtifactStore, failure_of_storage
from dagy.adapters.packages.cluster import Cluster
from dagy.core.common.failure import Failure
from dagy.core.common.keys import PackageHome
from dagy.core.common.resources import not_allowed
from dagy.core.jobs.index_access import references_of
from dagy.core.jobs.index_hosts import refused_host
from dagy.core.jobs.manifests import JobSettings
from dagy.core.outcomes.facts import JobFact
from dagy.core.outcomes.waiting_pods import lacks_pod, with_end
from dagy.core.package import reuse, status_cache
from dagy.core.package.observed import Observed, Resolution
from dagy.core.package.plan import BuildPlan, answers
from dagy.core.package.records import Missing, Record
from dagy.core.package.status_cache import Look
from dagy.model import constants as names
from dagy.model.spec import SourceDistributions
from dagy.model.status import DepPackageStatus, JobKind
from dagy_builder.storage.store import StorageError


class Observer:
    """Gathers facts. Raises KubeError; S3's refusals become part of the facts."""

    def __init__(self, cluster: Cluster, store: ArtifactStore, settings: JobSettings) -> None:
        self._cluster, self._store, self._settings = cluster, store, settings

    async def observe(
        self, plan: BuildPlan, home: PackageHome, status: DepPackageStatus, now: datetime, *, suspected: bool = False
    ) -> Observed:
        """Return all facts about the package. `suspected`: ZIP or image seems gone, so both are asked for anyway."""
        # Package code could write a text like its step's outcome to a log, and then go on.
        trust_reported = plan.spec.source_distributions is SourceDistributions.FORBID
        jobs = await self._cluster.jobs({names.LABEL_PACKAGE_UID: plan.uid}, trust_reported=trust_reported)
        resolution = blocked = None
        found: Record | Missing | None = None
        try:
            if status.spec_hash is None:
                await self._store.take_over(home)
            resolution = await self._resolution(plan, home, status, jobs)
            if resolution:
                found = await self._record(plan, home, status, resolution, suspected=suspected)
        except StorageError as error:
            blocked = failure_of_storage(error)
        seen = Observed(
            slug=home.slug,
            home=home,
            jobs=jobs,
            resolution=resolution,
            record=found if isinstance(found, Record) else None,
            missing=found if isinstance(found, Missing) else None,
            lost=status.lost,
            rejected=status_cache.rejection_in(status, plan),
            rejected_log=(status.validation.log_uri if status.validation else None) or "",
            handled=status_cache.handled_tokens(status),
            blocked=blocked,
        )
        seen = await self._with_ends(plan, await self.with_sources(plan, seen), now)
        return seen if seen.record else await self._with_permission(plan, seen)

    async def restore_status(self, home: PackageHome, status: DepPackageStatus) -> DepPackageStatus:
        """Return a status that was erased with the artifacts that S3 still has. Raises StorageError."""
        known = [record.artifact for record in await self._store.all_records(home)]
        if not known:
            return status
        return status.model_copy(update={"artifact": known[0], "history": known[1:]})

    async def with_sources(self, plan: BuildPlan, seen: Observed) -> Observed:
        """Return the facts with the packages whose artifact could be copied, if the next step depends on them."""
        home = seen.home
        if seen.blocked or seen.resolution is None or seen.record or not reuse.is_allowed(plan, asked=False):
            return seen
        if any(job.kind is JobKind.BUILD for job in seen.jobs):
            return seen
        if home and home.location.registry:  # each package has an image of its own, so that each can be deleted
            return seen
        lock_hash = seen.resolution.lock_hash
        others = await self._cluster.packages_with_lock(plan.key.namespace, lock_hash)
        return replace(seen, sources=reuse.sources_in(others, plan, lock_hash))

    async def with_lock(self, plan: BuildPlan, seen: Observed, resolution: Resolution) -> Observed:
        """Return the facts with this lock, which is in S3, and what has been built from it. Raises StorageError."""
        assert seen.home
        found = await self._store.record(seen.home, plan, resolution.lock_hash)
        record, missing = (None, found) if isinstance(found, Missing) else (found, None)
        return await self.with_sources(plan, replace(seen, resolution=resolution, record=record, missing=missing))

    async def with_untold(self, plan: BuildPlan, seen: Observed, kind: JobKind) -> Observed | None:
        """Return the facts with the result of a Job that is gone, where status does not tell of it; None without one.

        A Job that has ended may be deleted, by us or by somebody else, before a status could be written; its result
        is in S3 all the same. So S3 is asked before a Job starts. Raises StorageError.
        """
        assert seen.home
        if kind is JobKind.VALIDATE:
            lock = await self._store.lock(seen.home, plan.spec_hash)
            if lock is None or not answers(lock.resolution.refresh_token, plan.requested.refresh, seen.handled.refresh):
                return None
            return await self.with_lock(plan, seen, lock.resolution)
        assert seen.resolution
        record = await self._store.record(seen.home, plan, seen.resolution.lock_hash)
        if isinstance(record, Record) and answers(record.build_token, plan.requested.build, seen.handled.build):
            return replace(seen, record=record, missing=None)
        return None

    async def with_access(self, plan: BuildPlan, seen: Observed) -> Observed:
        """Return the facts with the access by the index settings, or with their failure: read once for each look."""
        if seen.index_access:
            return seen
        access = await self._cluster.index_access(plan, self._settings.index.url)
        if isinstance(access, Failure):
            return replace(seen, index_refused=access)
        return replace(seen, index_refused=None, index_access=access)

    def refused(self, plan: BuildPlan) -> Failure | None:
        """Return the failure of a package that asks for more than it may have."""
        resources = not_allowed(plan.options.resources, self._settings.maxima)
        return resources or refused_host(plan, self._settings.index.hosts)

    async def _with_permission(self, plan: BuildPlan, seen: Observed) -> Observed:
        """Return the facts with the failure of a package that asks for too much, or with its access to its index."""
        if refused := self.refused(plan):
            return replace(seen, not_allowed=refused)
        return await self.with_access(plan, seen) if references_of(plan) else seen

    async def _with_ends(self, plan: BuildPlan, seen: Observed, now: datetime) -> Observed:
        """Return the facts with the reasons of Jobs without a pod, and the end of those that waited too long."""
        jobs = [
            replace(job, not_created=await self._cluster.why_no_pod(job)) if lacks_pod(job, now) else job
            for job in seen.jobs
        ]
        return replace(seen, jobs=tuple(with_end(job, plan.options, self._settings.start_seconds, now) for job in jobs))

    async def _resolution(
        self, plan: BuildPlan, home: PackageHome, status: DepPackageStatus, jobs: tuple[JobFact, ...]
    ) -> Resolution | None:
        """Return the lock of the present spec."""
        if plan.normalized.errors:
            return None
        known = status_cache.resolution_in(status, plan, jobs)
        if not isinstance(known, Look):
            return known
        lock = await self._store.lock(home, plan.spec_hash)
        return lock.resolution if lock else None

    async def _record(
        self,
        plan: BuildPlan,
        home: PackageHome,
        status: DepPackageStatus,
        resolution: Resolution,
        *,
        suspected: bool,
    ) -> Record | Missing | None:
        known = status_cache.record_in(status, plan, resolution)
        if isinstance(known, Look):
            return await self._store.record(home, plan, resolution.lock_hash)
        if known is None or not suspected:
            return known
        try:
            found = await self._store.record(home, plan, resolution.lock_hash) or Missing(known)
            return await self._store.without_lost_image(home, found) if isinstance(found, Record) else found
        except StorageError:
            return known  # a ZIP that can't be asked for is not gone
