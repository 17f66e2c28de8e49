"""From the state of a package to actions. Pure: actions are values, the controller performs them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from dagy.core.common.failure import Failure
from dagy.core.common.images import is_pending
from dagy.core.outcomes.diagnosis import standing_of
from dagy.core.outcomes.facts import JobFact
from dagy.core.package import states
from dagy.core.package.attempts import verdict_of
from dagy.core.package.observed import Observed, Resolution
from dagy.core.package.plan import BuildPlan
from dagy.core.package.records import Record
from dagy.core.package.reuse import Source
from dagy.core.package.states import State
from dagy.model.status import JobKind


@dataclass(frozen=True)
class StartJob:
    """Create a Job, as soon as a slot is free. A cancelled one is created suspended, as a tombstone that lasts.

    Kind, slug, input and attempt decide its name, so that two operators make one Job and not two.
    """

    kind: JobKind
    slug: str
    input_hash: str
    attempt: int
    resolution: Resolution | None = None
    cancelled: bool = False


@dataclass(frozen=True)
class ProvideInput:
    """Give its ConfigMap to a Job that has not started: whoever created the Job may have died in between."""

    job: JobFact
    resolution: Resolution | None


@dataclass(frozen=True)
class KeepLog:
    """Copy the log of a Job that has ended to S3, and record its failure with the Job."""

    job: JobFact
    failure: Failure | None = None


@dataclass(frozen=True)
class StoreLock:
    """Take the lock out of a validation's log and keep it in S3."""

    job: JobFact


@dataclass(frozen=True)
class ReadRecord:
    """Read the record of a build that has just ended."""

    job: JobFact
    resolution: Resolution


@dataclass(frozen=True)
class ReadImage:
    """Find out what became of a finished build's image, which nobody is pushing any more."""

    record: Record


@dataclass(frozen=True)
class CopyArtifact:
    """Copy the artifact of the same lock from the first of these packages that has it."""

    resolution: Resolution
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class CancelJob:
    """Keep the log, then stop the Job and mark it as cancelled."""

    job: JobFact


@dataclass(frozen=True)
class DeleteJobs:
    """Delete Jobs that no state refers to any more, with their pods and ConfigMaps."""

    jobs: tuple[JobFact, ...]


@dataclass(frozen=True)
class ForgetAttempts:
    """Delete failed attempts that are too many to keep, with their logs in S3."""

    jobs: tuple[JobFact, ...]


Action = (
    StartJob | ProvideInput | KeepLog | StoreLock | ReadRecord | ReadImage | CopyArtifact | CancelJob | DeleteJobs
    | ForgetAttempts
)  # fmt: skip

ATTEMPTS_KEPT = 10
"""Failed attempts of one input that are kept: attempts that go on until an administrator acts have no other limit."""


def decide(plan: BuildPlan, seen: Observed, state: State) -> tuple[Action, ...]:
    """Return the actions for now, in their order. Doing them twice changes nothing."""
    if cancel_asked(plan, seen):
        cancel = _cancel(seen, state)
        if cancel is not None:
            return cancel
    useless = _useless(plan, seen, state)
    old = _too_old(seen, useless)
    tidy: tuple[Action, ...] = (DeleteJobs(useless),) if useless else ()
    return (*tidy, *((ForgetAttempts(old),) if old else ()), *_next_steps(plan, seen, state))


def cancel_asked(plan: BuildPlan, seen: Observed) -> bool:
    """Return True when there is a cancel request that has not been acted upon: neither status nor a Job knows it."""
    asked = plan.requested.cancel
    return bool(asked) and asked != seen.handled.cancel and all(job.after_cancel != asked for job in seen.jobs)


def makes_way(state: State) -> bool:
    """Return True while the Job of a cancelled package still stands in its queue: its tombstone needs its name."""
    return isinstance(state, states.Validating | states.Building | states.Retrying) and state.job.makes_way


def _cancel(seen: Observed, state: State) -> tuple[Action, ...] | None:
    """Return what has to be done now; None where there is nothing to cancel."""
    match state:
        case states.Validating(job) | states.Building(job) | states.Retrying(job):
            return () if job.makes_way else (CancelJob(job),)
        case states.ToValidate() | states.ToBuild() as due:
            return (replace(_start(seen, due), cancelled=True),)
        case states.Blocked(_, states.ToValidate() | states.ToBuild() as due):
            return (replace(_start(seen, due), cancelled=True),)
        case states.Reusable(resolution, input_hash):
            return (StartJob(JobKind.BUILD, seen.slug, input_hash, 1, resolution, cancelled=True),)
        case _:
            return None


def _start(seen: Observed, state: states.ToValidate | states.ToBuild) -> StartJob:
    match state:
        case states.ToValidate(input_hash, attempt):
            return StartJob(JobKind.VALIDATE, seen.slug, input_hash, attempt)
        case states.ToBuild(resolution, input_hash, attempt):
            return StartJob(JobKind.BUILD, seen.slug, input_hash, attempt, resolution)
        case _:
            assert_never(state)


def _too_old(seen: Observed, useless: tuple[JobFact, ...]) -> tuple[JobFact, ...]:
    newest: dict[str, int] = {}
    for job in seen.jobs:
        newest[job.input_hash] = max(job.attempt, newest.get(job.input_hash, 0))
    old = [job for job in seen.jobs if job.attempt <= newest[job.input_hash] - ATTEMPTS_KEPT]
    return tuple(job for job in old if job not in useless and not job.deleting)


def _next_steps(plan: BuildPlan, seen: Observed, state: State) -> tuple[Action, ...]:
    match state:
        case states.ToValidate() | states.ToBuild():
            return (*_before(seen, state), _start(seen, state))
        case states.Reusable(resolution, _, sources):
            return (CopyArtifact(resolution, sources),)
        case states.Validated(job):
            return (KeepLog(job), StoreLock(job))
        case states.Built(job, resolution):
            return (KeepLog(job), ReadRecord(job, resolution))
        case states.Retrying(job, failure) | states.Failed(failure, JobFact() as job):
            return _keep(job, failure)
        case states.Invalid(_, JobFact() as job):  # its problems are in the log, and then in status
            return () if job.failure or verdict_of(job, seen) else (KeepLog(job),)
        case states.Failed() | states.Invalid():
            return ()
        case states.Validating(job, progress) | states.Building(job, progress):
            return () if progress.started else (ProvideInput(job, seen.resolution),)
        case states.Completed(record):
            pushed = not is_pending(record.artifact, seen.home) or is_pushing(plan, seen)
            return () if pushed else (ReadImage(record),)
        case states.Suspended() | states.Saved() | states.Valid():
            return ()
        case states.Lost() | states.Blocked():
            return ()
        case _:
            assert_never(state)


def is_pushing(plan: BuildPlan, seen: Observed) -> bool:
    """Return True when the present build's pod still runs: once the ZIP is complete, it pushes its image."""
    return any(job.live and job.input_hash == _present_build(plan, seen) for job in seen.jobs)


def _present_build(plan: BuildPlan, seen: Observed) -> str:
    assert seen.resolution
    return states.build_hash(plan, seen.resolution.lock_hash, seen.handled)


def _before(seen: Observed, state: states.ToValidate | states.ToBuild) -> tuple[Action, ...]:
    """Return the actions that keep the attempt before, when nobody looked between its end and now."""
    for job in seen.jobs:
        if (job.input_hash, job.attempt) == (state.input_hash, state.attempt - 1):
            failure = standing_of(job)
            return _keep(job, failure) if isinstance(failure, Failure) else ()
    return ()


def _keep(job: JobFact, failure: Failure) -> tuple[Action, ...]:
    """Return the action that keeps log and cause of an attempt, once; a cancelled one had it kept as it stopped."""
    return () if job.failure or job.cancelled else (KeepLog(job, failure),)


def _useless(plan: BuildPlan, seen: Observed, state: State) -> tuple[JobFact, ...]:
    """Return the Jobs of an earlier spec or an earlier request, and those whose result is safe in S3.

    Failed attempts at the present input stay: they count the attempts. A Job of a state that could not
    be judged (S3 away) stays as well.
    """
    match state:
        case states.Blocked():
            return ()
        case states.Completed(record):
            pending = is_pending(record.artifact, seen.home) and is_pushing(plan, seen)
            wanted = {_present_build(plan, seen)} if pending else set()
        case states.Valid() | states.Lost() | states.Reusable() | states.ToBuild() | states.Building() | states.Built():
            wanted = {_present_build(plan, seen)}
        case states.Validating(job) | states.Validated(job):
            wanted = {job.input_hash}
        case states.Retrying(job) | states.Failed(_, JobFact() as job) | states.Invalid(_, JobFact() as job):
            wanted = {job.input_hash}
        case states.Suspended() if seen.resolution:
            wanted = {_present_build(plan, seen)}
        case _:
            wanted = {states.validation_hash(plan, seen.handled)}
    return tuple(job for job in seen.jobs if job.input_hash not in wanted and not job.deleting)
