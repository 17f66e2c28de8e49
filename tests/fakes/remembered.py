"""What a look knows before it asks S3, as the operator's observer finds it."""

from __future__ import annotations

from collections.abc import Iterable

from dagy.core.outcomes.facts import JobFact
from dagy.core.package.observed import Resolution
from dagy.core.package.plan import BuildPlan
from dagy.core.package.records import Record
from dagy.core.package.status_cache import Look, record_in, resolution_in
from dagy.model.status import DepPackageStatus, JobKind


def remembered_lock(
    status: DepPackageStatus, plan: BuildPlan, jobs: Iterable[JobFact], in_s3: Resolution | None
) -> Resolution | None:
    """The present spec's lock: what status says of it; S3's where status can't tell, or a build says that it is old."""
    known = resolution_in(status, plan)
    built = any(job.kind is JobKind.BUILD for job in jobs)
    return in_s3 if isinstance(known, Look) or (known is None and built) else known


def remembered_record(
    status: DepPackageStatus, plan: BuildPlan, resolution: Resolution, in_s3: Record | None
) -> Record | None:
    """The lock's finished build: what status says of it, S3's where status can't tell."""
    known = record_in(status, plan, resolution)
    return in_s3 if isinstance(known, Look) else known
