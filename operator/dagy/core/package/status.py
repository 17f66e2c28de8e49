"""From a state to the status that is written. Pure; `previous` only keeps what is not to be lost or to change."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dagy.core.common.conditions import conditions_of
from dagy.core.common.failure import Failure
from dagy.core.common.reasons import StateReason
from dagy.core.common.timestamp import timestamp
from dagy.core.outcomes.diagnosis import Success, standing_of
from dagy.core.outcomes.facts import JobFact, JobKind
from dagy.core.package import states
from dagy.core.package.attempts import verdict_of
from dagy.core.package.decide import cancel_asked
from dagy.core.package.lost import lost_of
from dagy.core.package.observed import Observed
from dagy.core.package.plan import BuildPlan, Tokens
from dagy.core.package.states import State
from dagy.core.package.summary import Summary, summarize
from dagy.model.status import (
    ARTIFACT_WARNINGS,
    HISTORY_SHOWN,
    ArtifactStatus,
    Attempt,
    BuildStatus,
    Condition,
    ConditionType,
    DepPackageStatus,
    DroppedRequirement,
    LostArtifact,
    Phase,
    ReusedFrom,
    Validation,
    ValidationError,
)
from dagy_builder.contract import Artifact
from dagy_builder.redact import clipped, one_line
from dagy_builder.sizes import human_size

_RAW_LIMIT = 16000
_TEXT_LIMIT = 4000
_ATTEMPTS = 10
_WARNINGS = 50


@dataclass(frozen=True)
class StatusContext:
    """What a status needs beside the state."""

    now: datetime
    previous: DepPackageStatus
    queue_position: int | None = None
    validation_log: str | None = None
    build_log: str | None = None
    """URIs of logs that were kept in this pass."""
    pinned: frozenset[str] = frozenset()
    """SHA-256 of artifacts that deployed flows refer to: history keeps them past its limit."""


def status_of(plan: BuildPlan, seen: Observed, state: State, context: StatusContext) -> DepPackageStatus:
    """The whole status for this state."""
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
        conditions=_conditions(plan, seen, summary, context),
        last_handled_validate=handled.validate or None,
        last_handled_build=handled.build or None,
        last_handled_refresh=handled.refresh or None,
        last_handled_cancel=handled.cancel or None,
    )


def _artifact(state: State, context: StatusContext) -> ArtifactStatus | None:
    if not isinstance(state, states.Completed):
        return None
    log_uri = context.build_log or _known_log(context.previous, state.record.artifact)
    return artifact_status(state.record.artifact, log_uri)


def _lost(seen: Observed, state: State, context: StatusContext) -> LostArtifact | None:
    lost = lost_of(seen, context.now)
    if lost and lost.rebuilt_at is None and isinstance(state, states.Completed):
        return lost.model_copy(update={"rebuilt_at": timestamp(context.now)})
    return lost


def _kept(artifact: ArtifactStatus | None, lost: LostArtifact | None) -> ArtifactStatus | None:
    """The artifact, unless it is the one that is lost."""
    gone = artifact and lost and lost.rebuilt_at is None and artifact.uri == lost.uri
    return None if gone else artifact


def _known_log(previous: DepPackageStatus, artifact: Artifact) -> str | None:
    kept = [a for a in [previous.artifact, *previous.history] if a and a.uri == artifact.uri]
    return kept[0].log_uri if kept else None


def artifact_status(artifact: Artifact, log_uri: str | None) -> ArtifactStatus:
    """build.json's artifact as status shows it."""
    size = human_size(artifact.size_bytes)
    log_uri = artifact.log_uri or log_uri
    told = [one_line(str(text), _TEXT_LIMIT) for text in artifact.warnings or ()]
    values = {**artifact.to_json(), "size": size, "logUri": log_uri, "warnings": told[:ARTIFACT_WARNINGS]}
    return ArtifactStatus.model_validate(values)


def _history(
    context: StatusContext, current: ArtifactStatus | None, lost: LostArtifact | None, limit: int
) -> list[ArtifactStatus]:
    previous = context.previous
    before = ([previous.artifact] if previous.artifact else []) + previous.history
    there = [a for a in before if _kept(a, lost)]
    earlier = [a.model_copy(update={"warnings": []}) for a in there if current is None or a.uri != current.uri]
    return [a for place, a in enumerate(earlier) if place < limit or a.sha256 in context.pinned][:HISTORY_SHOWN]


def dropped_artifacts(before: DepPackageStatus, after: DepPackageStatus) -> list[ArtifactStatus]:
    """Artifacts that the new status speaks of no more; what is lost is no artifact, and may come again at its place."""
    kept = {a.uri for a in [after.artifact, after.lost, *after.history] if a}
    return [a for a in [before.artifact, *before.history] if a and a.uri not in kept]


def _validation(plan: BuildPlan, seen: Observed, state: State, context: StatusContext) -> Validation | None:
    before = context.previous.validation
    failure = state.failure if isinstance(state, states.Invalid) else None
    if failure is None and seen.resolution is None:
        return before
    errors, raw = (_errors(failure), failure.raw) if failure else ([], None)
    same = before is not None and before.spec_hash == plan.spec_hash and before.errors == errors
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


def _errors(failure: Failure) -> list[ValidationError]:
    problems = [p.to_json() for p in failure.problems] or [{"message": failure.message}]
    bounded = [{k: clipped(str(v), _TEXT_LIMIT) for k, v in problem.items()} for problem in problems[:200]]
    return [ValidationError.model_validate(problem) for problem in bounded]


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
    """The Job that build or copy are told of by: the one of the state, or that which has just ended well."""
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
    """The failed attempts: those whose Jobs are there, and those that status remembers."""
    known = {attempt.job_name: attempt for attempt in before.attempts}
    for job in seen.jobs:
        failure = verdict_of(job, seen) or standing_of(job)
        if isinstance(failure, Failure):
            known[job.name] = Attempt(
                job=job.kind.value,
                number=job.attempt,
                job_name=job.name,
                reason=failure.reason,
                message=clipped(failure.message, _TEXT_LIMIT),
                ended_at=job.ended_at or None,
                log_uri=job.log_uri or None,
            )
    return list(known.values())[-_ATTEMPTS:]


def _handled(plan: BuildPlan, seen: Observed, state: State, *, settled: bool) -> Tokens:
    """Requests count as handled when what they asked for has ended, a cancellation once it was acted upon.

    Those of a suspended package wait until it is resumed.
    """
    asked, given = plan.requested, seen.handled
    ended = settled and not isinstance(state, states.Suspended)
    validated = ended or seen.resolution is not None
    cancelled = cancel_asked(plan, given) and not isinstance(state, states.Blocked)
    return Tokens(
        validate=asked.validate if validated and asked.validate else given.validate,
        refresh=asked.refresh if ended and asked.refresh else given.refresh,
        build=asked.build if ended and asked.build else given.build,
        cancel=asked.cancel if cancelled else given.cancel,
    )


def _conditions(plan: BuildPlan, seen: Observed, summary: Summary, context: StatusContext) -> list[Condition]:
    reason, message = summary.reason, summary.message
    validated = False if summary.phase is Phase.INVALID else True if seen.resolution else None
    why_valid = (StateReason.RESOLVED, "The requirements resolve.") if validated else (reason, message)
    rows = [
        (ConditionType.READY, summary.phase is Phase.COMPLETED, reason, message),
        (ConditionType.VALIDATED, validated, *why_valid),
        (ConditionType.SETTLED, summary.settled, reason, message),
        (ConditionType.RECONCILING, not summary.settled, reason, message),
        (ConditionType.STALLED, summary.stalled, reason, message),
    ]
    return conditions_of(context.previous.conditions, rows, plan.generation, context.now)
