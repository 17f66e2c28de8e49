"""Looking: what is there in the cluster and in S3 for one package. Status saves look-ups, it never adds a fact."""

from __future__ import annotations

from dataclasses import replace

from dagy.adapters.packages.artifact_store import ArtifactStore, failure_of_storage
from dagy.adapters.packages.cluster import Cluster
from dagy.core.common.keys import PackageHome
from dagy.core.outcomes.facts import JobKind
from dagy.core.package import reuse
from dagy.core.package import status_cache as remembered
from dagy.core.package.observed import Missing, Observed, Record, Resolution
from dagy.core.package.plan import BuildPlan
from dagy.core.package.status import artifact_status
from dagy.core.package.status_cache import Look
from dagy.model import constants as names
from dagy.model.spec import SourceDistributions
from dagy.model.status import DepPackageStatus
from dagy_builder.storage.store import StorageError


async def observe(
    cluster: Cluster,
    store: ArtifactStore,
    plan: BuildPlan,
    home: PackageHome,
    status: DepPackageStatus,
    *,
    suspected: bool = False,
) -> Observed:
    """All facts about the package. `suspected`: its ZIP seems to be gone, so S3 is asked whatever status remembers."""
    # Package code could write to a log what looks like its step's outcome, and then go on.
    heed = plan.spec.source_distributions is SourceDistributions.FORBID
    jobs = await cluster.jobs({names.LABEL_PACKAGE_UID: plan.uid}, heed=heed)
    resolution = blocked = None
    found: Record | Missing | None = None
    try:
        if status.spec_hash is None:
            await store.take_over(home)
        resolution = await _resolution(store, plan, home, status)
        if resolution:
            found = await _record(store, plan, home, status, resolution, suspected=suspected)
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
        rejected=remembered.rejection_in(status, plan),
        rejected_log=(status.validation.log_uri if status.validation else None) or "",
        handled=remembered.handled_tokens(status),
        blocked=blocked,
    )
    return await with_sources(cluster, plan, seen)


async def with_sources(cluster: Cluster, plan: BuildPlan, seen: Observed) -> Observed:
    """The same with the packages whose artifact could be copied, if that is what decides about the next step."""
    if seen.blocked or seen.resolution is None or seen.record or not reuse.is_allowed(plan, asked=False):
        return seen
    if any(job.kind is JobKind.BUILD for job in seen.jobs):
        return seen
    lock_hash = seen.resolution.lock_hash
    others = await cluster.packages_with_lock(plan.key.namespace, lock_hash)
    return replace(seen, sources=reuse.sources_in(others, plan, lock_hash))


async def recall(store: ArtifactStore, home: PackageHome, status: DepPackageStatus) -> DepPackageStatus:
    """A status that was erased, with the artifacts that S3 still has. Raises StorageError."""
    known = [artifact_status(record.artifact, None) for record in await store.all_records(home)]
    if not known:
        return status
    return status.model_copy(update={"artifact": known[0], "history": known[1:]})


async def _resolution(
    store: ArtifactStore, plan: BuildPlan, home: PackageHome, status: DepPackageStatus
) -> Resolution | None:
    if plan.normalized.errors:
        return None
    known = remembered.resolution_in(status, plan)
    if not isinstance(known, Look):
        return known
    lock = await store.lock(home, plan.spec_hash)
    return lock.resolution if lock else None


async def _record(
    store: ArtifactStore,
    plan: BuildPlan,
    home: PackageHome,
    status: DepPackageStatus,
    resolution: Resolution,
    *,
    suspected: bool,
) -> Record | Missing | None:
    known = remembered.record_in(status, plan, resolution)
    if isinstance(known, Look):
        return await store.record(home, plan, resolution.lock_hash)
    if known is None or not suspected:
        return known
    try:
        return await store.record(home, plan, resolution.lock_hash) or Missing(known)
    except StorageError:
        return known  # what can't be asked is not gone
