"""The state machine: the only place that decides the state of a package.

`state_of` looks at the plan and at the observed facts, and at nothing else: no event, no phase. It is total. A new
state extends `State`; the type checker then names every `match` that has to follow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from dagy.core.common.failure import Failure
from dagy.core.outcomes.diagnosis import Progress, Success, standing_of
from dagy.core.outcomes.facts import JobFact
from dagy.core.package import reuse
from dagy.core.package.attempts import LONGEST_DELAY, has_failed, in_a_row, latest, retry_at, verdict_of
from dagy.core.package.lost import failure_of_loss, is_news, open_loss
from dagy.core.package.observed import Observed, Resolution
from dagy.core.package.plan import BuildPlan, Tokens, digest, malformed_failure
from dagy.core.package.records import Record
from dagy.core.package.reuse import Source
from dagy.model.status import JobKind
from dagy_builder.contract import Fault


@dataclass(frozen=True)
class Invalid:
    """The requirements are at fault; `job` is the validation that found it, when one had to."""

    failure: Failure
    job: JobFact | None = None


@dataclass(frozen=True)
class Suspended:
    """spec.suspend is true and nothing runs."""


@dataclass(frozen=True)
class Saved:
    """buildPolicy is Manual and nobody asked for a validation."""


@dataclass(frozen=True)
class ToValidate:
    """A validation Job is due."""

    input_hash: str
    attempt: int


@dataclass(frozen=True)
class Validating:
    """The validation Job runs."""

    job: JobFact
    progress: Progress


@dataclass(frozen=True)
class Validated:
    """The validation Job ended well; its lock is still in its log only."""

    job: JobFact


@dataclass(frozen=True)
class Valid:
    """The lock is stored, buildPolicy is Manual and nobody asked for a build."""

    resolution: Resolution


@dataclass(frozen=True)
class Lost:
    """S3 has just said that the ZIP is gone. It is told, and then built again by itself."""

    failure: Failure
    resolution: Resolution


@dataclass(frozen=True)
class Reusable:
    """Other packages have an artifact of the same lock, which is to be copied."""

    resolution: Resolution
    input_hash: str
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class ToBuild:
    """A build Job is due, as soon as there is a free slot."""

    resolution: Resolution
    input_hash: str
    attempt: int


@dataclass(frozen=True)
class Building:
    """The build Job runs."""

    job: JobFact
    progress: Progress


@dataclass(frozen=True)
class Built:
    """The build Job ended well and its record has not been read yet."""

    job: JobFact
    resolution: Resolution


@dataclass(frozen=True)
class Retrying:
    """An attempt failed through no fault of the package's; the next one starts at `at`."""

    job: JobFact
    failure: Failure
    at: datetime


@dataclass(frozen=True)
class Completed:
    """The artifact is in S3."""

    record: Record
    resolution: Resolution


@dataclass(frozen=True)
class Failed:
    """It did not work and nothing more will be tried by itself."""

    failure: Failure
    job: JobFact | None = None


@dataclass(frozen=True)
class Blocked:
    """S3, the API server or a Secret that is named prevents the next step; it is tried again after a delay."""

    failure: Failure
    due: ToValidate | ToBuild | None = None
    """The state whose Job would be started, where one waits."""


State = (
    Invalid | Suspended | Saved | ToValidate | Validating | Validated | Valid | Lost | Reusable | ToBuild | Building
    | Built | Retrying | Completed | Failed | Blocked
)  # fmt: skip


def validation_hash(plan: BuildPlan, handled: Tokens) -> str:
    """Identity of a validation: the spec, and the requests that asked for it anew, a build's among them.

    A request for a build asks for the validation before it, too.
    """
    return _validation_hash(plan, handled, plan.requested.build or handled.build)


def _validation_hash(plan: BuildPlan, handled: Tokens, build: str) -> str:
    wanted = [plan.requested.validate or handled.validate, plan.requested.refresh or handled.refresh]
    return digest([plan.spec_hash, *wanted, *([build] if build else [])])[:16]


def build_hash(plan: BuildPlan, lock_hash: str, handled: Tokens) -> str:
    """Identity of a build: the lock, the target, compression, bytecode, and the request that asked for it anew."""
    target = [plan.spec.python_version, plan.platform.architecture, plan.platform.glibc]
    identity = [lock_hash, target, plan.options.compression, plan.requested.build or handled.build]
    # Without bytecode it is that of versions that made none.
    return digest([*identity, *(["bytecode"] if plan.request().has_bytecode else [])])[:16]


def state_of(plan: BuildPlan, seen: Observed, now: datetime) -> State:
    """Return the package's state."""
    if plan.normalized.errors:
        return Invalid(malformed_failure(plan))
    if seen.blocked:
        return Blocked(seen.blocked)
    resolution = seen.resolution
    if resolution is None or _is_refreshed(plan, seen, resolution):
        state = _validation_state(plan, seen, now)
    else:
        state = _build_state(plan, seen, resolution, now)
    if seen.not_allowed and isinstance(state, ToValidate | ToBuild):
        return Failed(seen.not_allowed)
    return _held_up(state, seen.index_refused) if seen.index_refused else state


def _held_up(state: State, refused: Failure) -> State:
    """Return the state while the package's index settings can't be used: nothing starts, and no pod gets its input."""
    match state:
        case ToValidate() | ToBuild():
            return Blocked(refused, state)
        case Validating(_, progress) | Building(_, progress) if not progress.started:
            return replace(state, progress=replace(progress, waiting=refused.message.rstrip(".")))
        case _:
            return state


def _is_refreshed(plan: BuildPlan, seen: Observed, resolution: Resolution) -> bool:
    """Return True when a new lock was asked for and is not there: it is to be sought, or was sought in vain."""
    if _asked(plan.requested.refresh, seen.handled.refresh, resolution.refresh_token):
        return True
    return bool(seen.handled.refresh) and has_failed(seen, JobKind.VALIDATE, validation_hash(plan, seen.handled))


def _asked(requested: str, handled: str, recorded: str) -> bool:
    """Return True when a request is new: neither status nor the durable record knows its token."""
    return bool(requested) and requested not in (handled, recorded)


def _validation_state(plan: BuildPlan, seen: Observed, now: datetime) -> State:
    wanted, given = plan.requested, seen.handled
    input_hash = validation_hash(plan, given)
    job = latest(seen.jobs, JobKind.VALIDATE, input_hash) or _under_way(plan, seen)
    if job:
        match standing_of(job):
            case Progress() as progress:
                return Validating(job, progress)
            case Success():
                return Validated(job)
            case Failure() as failure:
                again = ToValidate(input_hash, job.attempt + 1)
                return _after_failure(plan, seen, job, verdict_of(job, seen) or failure, again, now=now)
    asked = (
        _asked(wanted.validate, given.validate, "")
        or _asked(wanted.refresh, given.refresh, "")
        or _asked(wanted.build, given.build, "")
    )
    if seen.rejected and not asked:
        return Invalid(seen.rejected)
    if plan.spec.suspend:
        return Suspended()
    if not (plan.auto or asked):
        return Saved()
    return ToValidate(input_hash, attempt=1)


def _under_way(plan: BuildPlan, seen: Observed) -> JobFact | None:
    """Return the validation that ran when a build was asked for: unless it failed, it serves that request as well."""
    job = latest(seen.jobs, JobKind.VALIDATE, _validation_hash(plan, seen.handled, seen.handled.build))
    return None if job is None or isinstance(standing_of(job), Failure) else job


def _build_state(plan: BuildPlan, seen: Observed, resolution: Resolution, now: datetime) -> State:
    record = seen.record
    built = record or (seen.missing.record if seen.missing else None)
    asked = _asked(plan.requested.build, seen.handled.build, built.build_token if built else "")
    input_hash = build_hash(plan, resolution.lock_hash, seen.handled)
    in_vain = bool(seen.handled.build) and has_failed(seen, JobKind.BUILD, input_hash)
    if record and not asked and not in_vain:
        return Completed(record, resolution)
    job = latest(seen.jobs, JobKind.BUILD, input_hash)
    if job:
        match standing_of(job):
            case Progress() as progress:
                return Building(job, progress)
            case Success():
                return Built(job, resolution)
            case Failure() as failure:
                again = ToBuild(resolution, input_hash, job.attempt + 1)
                return _after_failure(plan, seen, job, failure, again, now=now)
    lost = open_loss(seen, now)
    if lost and not asked:
        loss = failure_of_loss(lost, suspended=plan.spec.suspend)
        if plan.spec.suspend or not lost.rebuild:
            return Failed(loss)
        if is_news(lost, seen):
            return Lost(loss, resolution)
    if plan.spec.suspend:
        return Suspended()
    if not (plan.auto or asked or lost):
        return Valid(resolution)
    if seen.sources and reuse.is_allowed(plan, asked=asked):
        return Reusable(resolution, input_hash, seen.sources)
    return ToBuild(resolution, input_hash, attempt=1)


def _after_failure(
    plan: BuildPlan, seen: Observed, job: JobFact, failure: Failure, again: State, *, now: datetime
) -> State:
    if not failure.retryable:
        invalid = job.kind is JobKind.VALIDATE and failure.blames_requirements
        return Invalid(failure, job) if invalid else Failed(failure, job)
    failed_at = datetime.fromisoformat(job.ended_at) if job.ended_at else now
    # A repair by an administrator may take days: it goes on by itself then, and is no reason to give up.
    limit = plan.options.retries if failure.fault is Fault.INFRASTRUCTURE else None
    at = retry_at(failed_at, in_a_row(seen.jobs, job, failure.fault), limit, job.input_hash)
    if at is None or plan.spec.suspend:
        return Failed(failure, job)
    # An end so far in the future was told by a clock that is ahead of ours, or ours was put back: waiting for it could
    # take hours. Only the limit keeps this from being a storm, where such clocks stay.
    ahead = limit is not None and failed_at - now > LONGEST_DELAY
    return again if ahead or at <= now else Retrying(job, failure, at)
