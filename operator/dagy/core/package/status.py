"""From a state to the status that is written. Pure; `previous` only keeps facts that must not be lost or change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dagy.core.common.conditions import Row, conditions_of
from dagy.core.common.failure import Failure
from dagy.core.common.images import image_rows, is_pending
from dagy.core.common.reasons import StateReason
from dagy.core.common.timestamp import timestamp
from dagy.core.outcomes.build_steps import build_steps
from dagy.core.outcomes.diagnosis import Success, standing_of
from dagy.core.outcomes.facts import JobFact
from dagy.core.package import states
from dagy.core.package.attempts import verdict_of
from dagy.core.package.decide import makes_way
from dagy.core.package.lost import lost_of
from dagy.core.package.observed import Observed
from dagy.core.package.plan import BuildPlan, Tokens
from dagy.core.package.states import State
from dagy.core.package.summary import Summary, summarize
from dagy.core.package.validation_errors import validation_errors
from dagy.model.status import (
    HISTORY_SHOWN,
    ArtifactStatus,
    Attempt,
    BuildStatus,
    Condition,
    ConditionType,
    DepPackageStatus,
    DroppedRequirement,
    JobKind,
    LostArtifact,
    Phase,
    ReusedFrom,
)
from dagy.model.validation import Validation
from dagy_builder.redact import clipped

_RAW_LIMIT = 16000
_TEXT_LIMIT = 4000
_ATTEMPTS = 10
_WARNINGS = 50


@dataclass(frozen=True)
class StatusContext:
    """The facts that a status needs beside the state."""

    now: datetime
    previous: DepPackageStatus
    queue_position: int | None = None
    validation_log: str | None = None
    build_log: str | None = None
    """URIs of logs that were kept in this pass."""
    pinned: frozenset[str] = frozenset()
    """SHA-256 of artifacts that deployed flows refer to: history keeps them past its limit."""


def status_of(plan: BuildPlan, seen: Observed, state: State, context: StatusContext) -> DepPackageStatus:
    """Return the whole status for this state."""
    previous, same = context.previous, context.previous.spec_hash == plan.spec_hash
    summary = summarize(plan, state, previous=previous.phase if same else None, queue_position=context.queue_position)
    lost = _lost(seen, state, context)
    artifact = _artifact(state, context) or _kept(previous.artifact, lost)
    handled = _handled(plan, seen, state, settled=summary.settled)
    return DepPackageStatus(
        observed_generation=plan.generation,
        slug=seen.slug or None,
        phase=summary.phase,
        message=summary.message,
        s3_uri=artifact.uri if artifact else None,
        dependency_count=len(plan.normalized.dependencies),
        dependencies=list(plan.normalized.dependencies),
        dropped=[DroppedRequirement(text=d.text, why=d.why) for d in plan.normalized.dropped],
        # While S3 cannot be asked, nothing is known of this spec: the next look must ask again.
        spec_hash=previous.spec_hash if seen.blocked else plan.spec_hash,
        lock_hash=previous.lock_hash if seen.blocked else seen.resolution.lock_hash if seen.resolution else None,
        artifact=artifact,
        lost=lost,
        validation=_validation(plan, seen, state, context),
        build=_build(plan, seen, state, context, same=same) if same or not seen.blocked else previous.build,
        history=_history(context, artifact, lost, plan.spec.revision_history_limit),
        conditions=_conditions(plan, seen, summary, context, _pushed(artifact, seen, state)),
        last_handled_validate=handled.validate or None,
        last_handled_build=handled.build or None,
        last_handled_refresh=handled.refresh or None,
        last_handled_cancel=handled.cancel or None,
    )


def _artifact(state: State, context: StatusContext) -> ArtifactStatus | None:
    if not isinstance(state, states.Completed):
        return None
    artifact = state.record.artifact
    log_uri = artifact.log_uri or context.build_log or _known_log(context.previous, artifact)
    return artifact.model_copy(update={"log_uri": log_uri})


def _lost(seen: Observed, state: State, context: StatusContext) -> LostArtifact | None:
    lost = lost_of(seen, context.now)
    if lost and lost.rebuilt_at is None and isinstance(state, states.Completed):
        return lost.model_copy(update={"rebuilt_at": timestamp(context.now)})
    return lost


def _kept(artifact: ArtifactStatus | None, lost: LostArtifact | None) -> ArtifactStatus | None:
    """Return the artifact, unless it is the one that is lost."""
    gone = artifact and lost and lost.rebuilt_at is None and artifact.uri == lost.uri
    return None if gone else artifact


def _known_log(previous: DepPackageStatus, artifact: ArtifactStatus) -> str | None:
    kept = [a for a in [previous.artifact, *previous.history] if a and a.uri == artifact.uri]
    return kept[0].log_uri if kept else None


def _history(
    context: StatusContext, current: ArtifactStatus | None, lost: LostArtifact | None, limit: int
) -> list[ArtifactStatus]:
    previous = context.previous
    before = ([previous.artifact] if previous.artifact else []) + previous.history
    there = [a for a in before if _kept(a, lost)]
    earlier = [a.model_copy(update={"warnings": []}) for a in there if current is None or a.uri != current.uri]
    return [a for place, a in enumerate(earlier) if place < limit or a.sha256 in context.pinned][:HISTORY_SHOWN]


def dropped_artifacts(before: DepPackageStatus, after: DepPackageStatus) -> list[ArtifactStatus]:
    """Return the artifacts that the new status no longer names; a lost one is none, and may come again at its place."""
    kept = {a.uri for a in [after.artifact, after.lost, *after.history] if a}
    return [a for a in [before.artifact, *before.history] if a and a.uri not in kept]


def _validation(plan: BuildPlan, seen: Observed, state: State, context: StatusContext) -> Validation | None:
    before = context.previous.validation
    failure = state.failure if isinstance(state, states.Invalid) else None
    if failure is None and seen.resolution is None:
        return before
    errors, raw = (validation_errors(plan, failure), failure.raw) if failure else ([], None)
    # By what they say: another order of the list moves them, and is no other validation.
    said = [error.message for error in errors]
    same = before and before.spec_hash == plan.spec_hash and [error.message for error in before.errors] == said
    return Validation(
        spec_hash=plan.spec_hash,
        reason=failure.reason if failure else None,
        message=failure.message if failure else None,
        time=before.time if before and same else timestamp(context.now),
        errors=errors,
        raw=raw[-_RAW_LIMIT:] if raw else None,
        log_uri=context.validation_log or (before.log_uri if before and same else None),
        warnings=[clipped(text, _TEXT_LIMIT) for text in seen.resolution.warnings[:_WARNINGS]]
        if seen.resolution
        else [],
    )


def _build(plan: BuildPlan, seen: Observed, state: State, context: StatusContext, *, same: bool) -> BuildStatus:
    before = (context.previous.build if same else None) or BuildStatus()
    queued_at = before.queued_at or timestamp(context.now)
    attempts = _attempts(seen, before)
    job = _build_job(seen, state)
    if job:
        return BuildStatus(
            attempt=job.attempt,
            job_name=job.name,
            queued_at=queued_at,
            started_at=job.created_at or None,
            log_uri=job.log_uri or None,
            steps=build_steps(job, before.steps if before.job_name == job.name else (), context.now),
            attempts=attempts,
        )
    match state:
        case states.ToBuild() | states.ToValidate():
            return BuildStatus(queued_at=queued_at, queue_position=context.queue_position, attempts=attempts)
        case states.Completed(record) if record.reused_from:
            source = record.reused_from
            origin = ReusedFrom(namespace=plan.key.namespace, name=source.name, slug=source.slug)
            return BuildStatus(queued_at=queued_at, reused_from=origin, attempts=attempts)
        case states.Completed():
            before = before.model_copy(update={"reused_from": None})
        case _:
            pass
    return before.model_copy(update={"queued_at": queued_at, "queue_position": None, "attempts": attempts})


def _build_job(seen: Observed, state: State) -> JobFact | None:
    """Return the Job that status tells of a build or copy: the state's own, or the one that has just ended well."""
    match state:
        case states.Building(job) | states.Built(job) | states.Retrying(job) | states.Failed(_, JobFact() as job):
            known = next((j for j in seen.jobs if j.name == job.name), job)  # its log may have been kept since
            return known if job.kind is JobKind.BUILD else None
        case states.Completed(record) if not record.reused_from:
            ended = [job for job in seen.jobs if job.kind is JobKind.BUILD and isinstance(standing_of(job), Success)]
            return max(ended, key=lambda job: job.created_at, default=None)
        case _:
            return None


def _attempts(seen: Observed, before: BuildStatus) -> list[Attempt]:
    """Return the failed attempts: those whose Jobs are there, and those that status remembers."""
    known = {attempt.job_name: attempt for attempt in before.attempts}
    for job in seen.jobs:
        failure = verdict_of(job, seen) or standing_of(job)
        if isinstance(failure, Failure):
            known[job.name] = Attempt(
                job=job.kind,
                number=job.attempt,
                job_name=job.name,
                reason=failure.reason,
                message=clipped(failure.message, _TEXT_LIMIT),
                ended_at=job.ended_at or None,
                log_uri=job.log_uri or None,
            )
    return list(known.values())[-_ATTEMPTS:]


def _handled(plan: BuildPlan, seen: Observed, state: State, *, settled: bool) -> Tokens:
    """Requests count as handled when the work that they asked for has ended, a cancellation once it was acted upon.

    A refresh has ended with the lock that it asked for: the next look takes the lock in status for the answer to the
    last refresh that was handled. Those of a suspended package wait until it is resumed.
    """
    asked, given = plan.requested, seen.handled
    ended = settled and not isinstance(state, states.Suspended)
    validated = ended or seen.resolution is not None
    refreshed = ended or (seen.resolution is not None and seen.resolution.refresh_token == asked.refresh)
    unheard = isinstance(state, states.Blocked) or makes_way(state)
    return Tokens(
        validate=asked.validate if validated and asked.validate else given.validate,
        refresh=asked.refresh if refreshed and asked.refresh else given.refresh,
        build=asked.build if ended and asked.build else given.build,
        cancel=given.cancel if unheard else asked.cancel or given.cancel,
    )


def _pushed(artifact: ArtifactStatus | None, seen: Observed, state: State) -> ArtifactStatus | None:
    """Return the artifact whose image is told of: while another is built, nobody pushes that of an earlier one."""
    present = artifact and (isinstance(state, states.Completed) or not is_pending(artifact, seen.home))
    return artifact if present else None


def _conditions(
    plan: BuildPlan, seen: Observed, summary: Summary, context: StatusContext, pushed: ArtifactStatus | None
) -> list[Condition]:
    reason, message = summary.reason, summary.message
    validated = False if summary.phase is Phase.INVALID else True if seen.resolution else None
    why_valid = (StateReason.RESOLVED, "The requirements resolve.") if validated else (reason, message)
    # Ready=False says to kstatus that work is under way: Flux and Helm would wait for what nobody has asked for.
    ready: list[Row] = (
        [] if summary.resting else [(ConditionType.READY, summary.phase is Phase.COMPLETED, reason, message)]
    )
    rows: list[Row] = [
        *ready,
        (ConditionType.VALIDATED, validated, *why_valid),
        (ConditionType.SETTLED, summary.settled, reason, message),
        (ConditionType.RECONCILING, not summary.settled, reason, message),
        (ConditionType.STALLED, summary.stalled, reason, message),
        *image_rows(pushed, seen.home),
    ]
    return conditions_of(context.previous.conditions, rows, plan.generation, context.now)
