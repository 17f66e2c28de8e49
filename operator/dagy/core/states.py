"""The state machine: the only place where it is decided where a package stands.

`state_of` looks at the plan and at what was observed, and at nothing else: no event, no phase. It is total. Who adds a
state extends `State`; the type checker then names every `match` that has to follow.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from dagy.core import reuse
from dagy.core.diagnose import Progress, Success, standing_of
from dagy.core.facts import JobFact, JobKind
from dagy.core.failure import Failure
from dagy.core.keys import PackageHome
from dagy.core.malformed import malformed
from dagy.core.plan import BuildPlan, Tokens, digest
from dagy.core.retry import retry_at
from dagy.core.reuse import Source
from dagy_builder.contract import Artifact


@dataclass(frozen=True)
class Resolution:
    """The lock that was found for a spec hash, as kept in S3."""

    spec_hash: str
    lock_hash: str
    refresh_token: str = ""
    """Value of the refresh request that led to it."""
    warnings: tuple[str, ...] = ()
    """What the resolver remarks on it, e.g. that a release was withdrawn."""


@dataclass(frozen=True)
class Record:
    """A finished build, as its build.json in S3 tells."""

    artifact: Artifact
    build_token: str = ""
    """Value of the build request that led to it."""
    reused_from: Source | None = None
    """The package whose artifact it is a copy of."""


@dataclass(frozen=True)
class Observed:
    """What was found in the cluster, in S3 and in status (as a cache of those) for one package."""

    slug: str
    jobs: tuple[JobFact, ...] = ()
    resolution: Resolution | None = None
    record: Record | None = None
    """For the resolution's lock."""
    sources: tuple[Source, ...] = ()
    """Packages that may have an artifact of that lock, likeliest first; asked only while nothing has been built."""
    rejected: Failure | None = None
    """The failed validation of the present spec hash, as remembered by status."""
    handled: Tokens = field(default_factory=Tokens)
    home: PackageHome | None = None
    """Where the package's objects lie; None as long as it has no slug."""
    index_refused: Failure | None = None
    """Why the package's index settings (Secrets, certificates) can't be used, so that no Job may start."""
    blocked: Failure | None = None
    """Why S3 or the API server did not do what had to be done just now."""


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
    """An attempt failed through no fault of the package; the next one starts at `at`."""

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
    """S3 or the API server refuses or cannot be asked; tried again after a delay."""

    failure: Failure


State = (
    Invalid | Suspended | Saved | ToValidate | Validating | Validated | Valid | Reusable | ToBuild | Building | Built
    | Retrying | Completed | Failed | Blocked
)  # fmt: skip


def validation_hash(plan: BuildPlan, handled: Tokens) -> str:
    """Identity of a validation: the spec, and the request that asked for it anew."""
    wanted = [plan.requested.validate or handled.validate, plan.requested.refresh or handled.refresh]
    return digest([plan.spec_hash, *wanted])[:16]


def build_hash(plan: BuildPlan, lock_hash: str, handled: Tokens) -> str:
    """Identity of a build: the lock, the target, the compression, and the request that asked for it anew."""
    target = [plan.spec.python_version, plan.platform.architecture, plan.platform.glibc]
    return digest([lock_hash, target, plan.options.compression, plan.requested.build or handled.build])[:16]


def state_of(plan: BuildPlan, seen: Observed, now: datetime) -> State:
    """Where the package stands."""
    if plan.normalized.errors:
        return Invalid(malformed(plan))
    if seen.blocked:
        return Blocked(seen.blocked) if seen.blocked.retryable else Failed(seen.blocked)
    resolution = seen.resolution
    if resolution is None or _asked(plan.requested.refresh, seen.handled.refresh, resolution.refresh_token):
        state = _validation_state(plan, seen, now)
    else:
        state = _build_state(plan, seen, resolution, now)
    starts = isinstance(state, ToValidate | ToBuild)
    return Failed(seen.index_refused) if starts and seen.index_refused else state


def _asked(requested: str, handled: str, recorded: str) -> bool:
    """Whether a request is new: neither status nor the durable record knows its token."""
    return bool(requested) and requested not in (handled, recorded)


def _validation_state(plan: BuildPlan, seen: Observed, now: datetime) -> State:
    wanted, given = plan.requested, seen.handled
    input_hash = validation_hash(plan, given)
    job = _latest(seen.jobs, JobKind.VALIDATE, input_hash)
    asked_again = _asked(wanted.validate, given.validate, "") or _asked(wanted.refresh, given.refresh, "")
    if job:
        match standing_of(job):
            case Progress() as progress:
                return Validating(job, progress)
            case Success():
                return Validated(job)
            case Failure() as failure:
                if seen.rejected and job.log_uri:
                    failure = seen.rejected  # the same one, from the log: the termination message holds less
                again = ToValidate(input_hash, job.attempt + 1)
                return _after_failure(plan, job, failure, again, now)
    if seen.rejected and not asked_again:
        return Invalid(seen.rejected)
    if plan.spec.suspend:
        return Suspended()
    if not (plan.auto or asked_again or _asked(wanted.build, given.build, "")):
        return Saved()
    return ToValidate(input_hash, attempt=1)


def _build_state(plan: BuildPlan, seen: Observed, resolution: Resolution, now: datetime) -> State:
    record = seen.record
    asked = _asked(plan.requested.build, seen.handled.build, record.build_token if record else "")
    if record and not asked:
        return Completed(record, resolution)
    input_hash = build_hash(plan, resolution.lock_hash, seen.handled)
    job = _latest(seen.jobs, JobKind.BUILD, input_hash)
    if job:
        match standing_of(job):
            case Progress() as progress:
                return Building(job, progress)
            case Success():
                return Built(job, resolution)
            case Failure() as failure:
                again = ToBuild(resolution, input_hash, job.attempt + 1)
                return _after_failure(plan, job, failure, again, now)
    if plan.spec.suspend:
        return Suspended()
    if not (plan.auto or asked):
        return Valid(resolution)
    if seen.sources and reuse.is_allowed(plan, asked=asked):
        return Reusable(resolution, input_hash, seen.sources)
    return ToBuild(resolution, input_hash, attempt=1)


def _after_failure(plan: BuildPlan, job: JobFact, failure: Failure, again: State, now: datetime) -> State:
    if not failure.retryable:
        invalid = job.kind is JobKind.VALIDATE and failure.blames_requirements
        return Invalid(failure, job) if invalid else Failed(failure, job)
    failed_at = datetime.fromisoformat(job.ended_at) if job.ended_at else now
    at = retry_at(failed_at, job.attempt, plan.options.retries, job.input_hash)
    if at is None or plan.spec.suspend:
        return Failed(failure, job)
    return again if at <= now else Retrying(job, failure, at)


def _latest(jobs: tuple[JobFact, ...], kind: JobKind, input_hash: str) -> JobFact | None:
    mine = [job for job in jobs if job.kind is kind and job.input_hash == input_hash]
    return max(mine, key=lambda job: job.attempt, default=None)
