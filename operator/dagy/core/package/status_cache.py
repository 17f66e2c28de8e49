"""Status as a cache of the cluster and S3, so that they need not be asked again. Pure.

Each function answers "unknown" (None, or a `Look.UNKNOWN`) where status does not speak of the present spec: then the
controller asks S3, which holds the truth. Whoever may write a status could point at other people's objects:
`trusted_status` returns the part of it that is acted upon.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from dagy.core.common.conditions import reason_in
from dagy.core.common.failure import Failure
from dagy.core.common.images import with_own_image
from dagy.core.common.keys import PackageHome
from dagy.core.package.observed import Resolution
from dagy.core.package.plan import BuildPlan, Tokens
from dagy.core.package.records import Record
from dagy.core.package.reuse import Source
from dagy.model.status import ArtifactStatus, DepPackageStatus, Phase
from dagy_builder.contract import Fault, Problem


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
        return Record(kept, status.last_handled_build or "", source)
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
        reason = reason_in(status.conditions)
        message = status.message
    if not reason or not message:
        return None
    problems = tuple(Problem.from_json(e.to_json()) for e in validation.errors)
    return Failure(reason, message, Fault.USER, problems, validation.raw)


def _same_build(artifact: ArtifactStatus, plan: BuildPlan) -> bool:
    wanted = (plan.spec.python_version, plan.platform.architecture, plan.platform.glibc, plan.options.compression)
    found = (artifact.python_version, artifact.architecture, artifact.glibc, artifact.compression)
    return found == wanted and plan.takes(artifact.bytecode)


def trusted_status(package: Mapping[str, Any], home: PackageHome) -> DepPackageStatus:
    """Return the package's status without references to objects that are not the package's.

    A status with such a reference remembers nothing of the spec either, so that S3 is asked again for all of it.
    """
    said = status_in(package)
    artifact = said.artifact if said.artifact and home.owns(said.artifact) else None
    history = [old for old in said.history if home.owns(old)]
    foreign = (artifact, history) != (said.artifact, said.history)
    believed = said.model_copy(
        update={
            "slug": home.slug,
            "artifact": with_own_image(artifact, home) if artifact else None,
            "history": [with_own_image(old, home) for old in history],
            "lost": said.lost if said.lost and home.artifact_of(said.lost.uri) else None,
            "s3_uri": artifact.uri if artifact else None,
            "validation": _with_own_log(said.validation, home),
            "build": _with_own_log(said.build, home),
        }
    )
    return believed.model_copy(update={"spec_hash": None, "lock_hash": None}) if foreign else believed


def _with_own_log(part: Any, home: PackageHome) -> Any:
    """Return the part of the status (or None) without a log that is not the package's."""
    return part.model_copy(update={"log_uri": None}) if part and not home.key_of(part.log_uri) else part
