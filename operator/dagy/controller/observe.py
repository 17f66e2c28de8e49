"""Looking: what is there in the cluster and in S3 for one package. Status saves look-ups, it never adds a fact."""

from __future__ import annotations

from typing import Any

from dagy_builder.storage import StorageError

from dagy.adapters.artifact_store import ArtifactStore, artifact_of, failure_of_storage
from dagy.adapters.cluster import Cluster
from dagy.core.failure import Failure
from dagy.core.plan import BuildPlan, Tokens
from dagy.core.states import Observed, Record, Resolution
from dagy.core.status import artifact_status
from dagy.model import names
from dagy.model.status import ArtifactStatus, ConditionType, DepPackageStatus
from dagy_builder.contract import Fault, Problem


def status_in(package: dict[str, Any]) -> DepPackageStatus:
    """The present status; an empty one when there is none or when somebody has spoiled it."""
    try:
        return DepPackageStatus.model_validate(package.get("status") or {})
    except ValueError:
        return DepPackageStatus()


async def observe(
    cluster: Cluster, store: ArtifactStore, plan: BuildPlan, slug: str, status: DepPackageStatus
) -> Observed:
    """All facts about the package."""
    jobs = await cluster.jobs({names.LABEL_PACKAGE_UID: plan.uid})
    rejected = _remembered_rejection(plan, status)
    resolution = record = blocked = None
    try:
        resolution = await _resolution(store, plan, slug, status)
        if resolution:
            record = await _record(store, plan, slug, status, resolution)
    except StorageError as error:
        blocked = failure_of_storage(error)
    return Observed(
        slug=slug,
        jobs=jobs,
        resolution=resolution,
        record=record,
        rejected=rejected,
        handled=handled_tokens(status),
        blocked=blocked,
    )


def handled_tokens(status: DepPackageStatus) -> Tokens:
    """The requests that were acted upon, as status tells."""
    return Tokens(
        validate=status.last_handled_validate or "",
        build=status.last_handled_build or "",
        refresh=status.last_handled_refresh or "",
        cancel=status.last_handled_cancel or "",
    )


async def _resolution(store: ArtifactStore, plan: BuildPlan, slug: str, status: DepPackageStatus) -> Resolution | None:
    if plan.normalized.errors:
        return None
    if status.spec_hash == plan.spec_hash and status.lock_hash:
        return Resolution(plan.spec_hash, status.lock_hash, status.last_handled_refresh or "")
    if status.spec_hash == plan.spec_hash and status.slug == slug:
        return None  # status knows this spec and has seen no lock for it
    lock = await store.lock(plan, slug)
    return lock.resolution if lock else None


async def _record(
    store: ArtifactStore, plan: BuildPlan, slug: str, status: DepPackageStatus, resolution: Resolution
) -> Record | None:
    for kept in [status.artifact, *status.history]:
        if kept and kept.lock_hash == resolution.lock_hash and _same_target(kept, plan):
            return Record(artifact_of(kept), status.last_handled_build or "")
    if status.spec_hash == plan.spec_hash and status.lock_hash == resolution.lock_hash:
        return None  # status knows this lock and has seen no artifact for it
    return await store.record(plan, slug, resolution.lock_hash)


def _same_target(artifact: ArtifactStatus, plan: BuildPlan) -> bool:
    target = (plan.spec.python_version, plan.platform.architecture, plan.platform.glibc)
    return (artifact.python_version, artifact.architecture, artifact.glibc) == target


async def recall(store: ArtifactStore, plan: BuildPlan, slug: str, status: DepPackageStatus) -> DepPackageStatus:
    """A status that was erased, with the artifacts that S3 still has. Raises StorageError."""
    known = [artifact_status(record.artifact, None) for record in await store.all_records(plan, slug)]
    if not known:
        return status
    return status.model_copy(update={"artifact": known[0], "history": known[1:]})


def _remembered_rejection(plan: BuildPlan, status: DepPackageStatus) -> Failure | None:
    validation = status.validation
    if validation is None or validation.spec_hash != plan.spec_hash or not validation.errors:
        return None
    ready = next((c for c in status.conditions if c.type == ConditionType.READY), None)
    if ready is None or not status.message:
        return None
    problems = tuple(Problem.from_json(e.to_json()) for e in validation.errors)
    return Failure(ready.reason, status.message, Fault.USER, problems, validation.raw)
