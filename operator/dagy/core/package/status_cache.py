"""Status as a cache of the cluster and S3, so that they need not be asked again. Pure.

Each function answers "unknown" (None, or a `Look.UNKNOWN`) where status does not speak of the present spec: then the
controller asks S3, which is where the truth lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from dagy.core.common.failure import Failure
from dagy.core.package.observed import Record, Resolution
from dagy.core.package.plan import BuildPlan, Tokens
from dagy.core.package.reuse import Source
from dagy.model.status import ArtifactStatus, ConditionType, DepPackageStatus, Phase
from dagy_builder.contract import Artifact, Fault, Problem


class Look(Enum):
    """The answer of a function below when status cannot tell."""

    UNKNOWN = "ask S3"


def status_in(package: Mapping[str, Any]) -> DepPackageStatus:
    """Return the present status; an empty one when there is none or when somebody has spoiled it."""
    try:
        return DepPackageStatus.model_validate(package.get("status") or {})
    except ValueError:
        return DepPackageStatus()


def handled_tokens(status: DepPackageStatus) -> Tokens:
    """Return the requests that were acted upon."""
    return Tokens(
        validate=status.last_handled_validate or "",
        build=status.last_handled_build or "",
        refresh=status.last_handled_refresh or "",
        cancel=status.last_handled_cancel or "",
    )


def resolution_in(status: DepPackageStatus, plan: BuildPlan) -> Resolution | Look | None:
    """Return the lock of the present spec; None when there is known to be none."""
    if status.spec_hash != plan.spec_hash:
        return Look.UNKNOWN
    if not status.lock_hash:
        return None
    warnings = tuple(status.validation.warnings) if status.validation else ()
    return Resolution(plan.spec_hash, status.lock_hash, status.last_handled_refresh or "", warnings)


def record_in(status: DepPackageStatus, plan: BuildPlan, resolution: Resolution) -> Record | Look | None:
    """Return the finished build of that lock; None when there is known to be none."""
    kept = status.artifact
    if kept and kept.lock_hash == resolution.lock_hash and _same_build(kept, plan):
        origin = status.build.reused_from if status.build else None
        source = Source(origin.name, origin.slug) if origin else None
        return Record(artifact_of(kept), status.last_handled_build or "", source)
    if any(old.lock_hash == resolution.lock_hash for old in status.history):
        return Look.UNKNOWN
    if status.spec_hash == plan.spec_hash and status.lock_hash == resolution.lock_hash:
        return None
    return Look.UNKNOWN


def rejection_in(status: DepPackageStatus, plan: BuildPlan) -> Failure | None:
    """Return the failed validation of the present spec, if status tells of one."""
    validation = status.validation
    if validation is None or validation.spec_hash != plan.spec_hash or not validation.errors:
        return None
    reason, message = validation.reason, validation.message
    if not reason and status.phase is Phase.INVALID:  # written before a validation carried them itself
        reason = next((c.reason for c in status.conditions if c.type == ConditionType.READY), None)
        message = status.message
    if not reason or not message:
        return None
    problems = tuple(Problem.from_json(e.to_json()) for e in validation.errors)
    return Failure(reason, message, Fault.USER, problems, validation.raw)


def artifact_of(status: ArtifactStatus) -> Artifact:
    """Return the artifact that status repeats."""
    return Artifact.from_json(status.to_json())


def _same_build(artifact: ArtifactStatus, plan: BuildPlan) -> bool:
    wanted = (plan.spec.python_version, plan.platform.architecture, plan.platform.glibc, plan.options.compression)
    return (artifact.python_version, artifact.architecture, artifact.glibc, artifact.compression) == wanted
