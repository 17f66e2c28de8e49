"""Status as a cache of the cluster and S3, so that they need not be asked again. Pure.

Each function answers "unknown" (None, or a `Look.UNKNOWN`) where status does not speak of the present spec: then the
controller asks S3, which holds the truth. Whoever may write a status could point at other people's objects:
`trusted_status` returns the part of it that is acted upon. `at_rest` says whether a look at a package would do nothing;
it decides no more, and whatever a look might do or write is left to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from dagy.core.common.conditions import reason_in
from dagy.core.common.failure import Failure
from dagy.core.common.images import with_own_image
from dagy.core.common.keys import PackageHome
from dagy.core.outcomes.facts import JobFact
from dagy.core.package import states
from dagy.core.package.decide import StartJob, decide
from dagy.core.package.observed import Observed, Resolution
from dagy.core.package.plan import BuildPlan, Tokens, plan_of
from dagy.core.package.queue import QueueEntry, entry_of
from dagy.core.package.records import Record
from dagy.core.package.reuse import Source
from dagy.core.package.states import State, state_of
from dagy.core.package.status import StatusContext, status_of
from dagy.model import constants as names
from dagy.model.status import ArtifactStatus, DepPackageStatus, JobKind, Phase
from dagy_builder.contract import Fault, Problem

_SETTLED = (states.Completed, states.Invalid, states.Valid, states.Saved, states.Suspended)
_WAITING = (states.ToValidate, states.ToBuild)


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


def resolution_in(status: DepPackageStatus, plan: BuildPlan, jobs: Iterable[JobFact] = ()) -> Resolution | Look | None:
    """Return the lock of the present spec; None when there is known to be none. `jobs`: the package's."""
    if status.spec_hash != plan.spec_hash:
        return Look.UNKNOWN
    if not status.lock_hash:
        # A build is made of a lock: status was written before that was found.
        return Look.UNKNOWN if any(job.kind is JobKind.BUILD for job in jobs) else None
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


@dataclass(frozen=True)
class AtRest:
    """What a look would find that changes nothing."""

    plan: BuildPlan
    home: PackageHome
    status: DepPackageStatus
    state: State
    position: int | None
    """Place in the queue, as status tells it."""

    def queue_entry(self, now: datetime) -> QueueEntry:
        """Return the package's entry in the queue."""
        return entry_of(self.plan.key, self.status.build, now)


def at_rest(package: Mapping[str, Any], home: PackageHome, now: datetime) -> AtRest | None:
    """Return how a package without Jobs stands; None when a look may do something, or must ask for something.

    `home`: as its claim says. What waits for a slot rests as well, as long as it is not its turn.
    """
    metadata = package["metadata"]
    marked = names.FINALIZER in (metadata.get("finalizers") or ()) and "deletionTimestamp" not in metadata
    if not marked or (metadata.get("labels") or {}).get(names.LABEL_SLUG) != home.slug:
        return None
    try:
        plan = plan_of(package)
    except ValueError:
        return None
    status = trusted_status(package, home)
    seen = _remembered(plan, home, status) if status.spec_hash == plan.spec_hash else None
    if seen is None or plan.spec.slug not in (None, home.slug):
        return None
    state = state_of(plan, seen, now)
    actions = decide(plan, seen, state)
    rests = isinstance(state, _SETTLED) and not actions
    waits = isinstance(state, _WAITING) and [type(action) for action in actions] == [StartJob]
    position = status.build.queue_position if status.build else None
    if not rests and not (waits and position and not plan.requested.cancel):
        return None
    written = status_of(plan, seen, state, StatusContext(now, status, queue_position=position))
    return AtRest(plan, home, status, state, position) if written.to_json() == package.get("status") else None


def _remembered(plan: BuildPlan, home: PackageHome, status: DepPackageStatus) -> Observed | None:
    """Return the facts that status remembers; None when it does not tell all of them."""
    resolution = None if plan.normalized.errors else resolution_in(status, plan)
    if isinstance(resolution, Look):
        return None
    record = record_in(status, plan, resolution) if resolution else None
    if isinstance(record, Look):
        return None
    return Observed(
        slug=home.slug,
        home=home,
        resolution=resolution,
        record=record,
        lost=status.lost,
        rejected=rejection_in(status, plan),
        rejected_log=(status.validation.log_uri if status.validation else None) or "",
        handled=handled_tokens(status),
    )
