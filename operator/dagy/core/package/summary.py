"""Phase, reason and sentence of each state, as people read them. Pure; the only place for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from dagy.core.common.failure import Failure
from dagy.core.common.reasons import StateReason
from dagy.core.outcomes.diagnosis import Progress
from dagy.core.outcomes.facts import JobFact
from dagy.core.package import states
from dagy.core.package.plan import BuildPlan
from dagy.core.package.states import State
from dagy.model.status import ArtifactStatus, JobKind, Phase
from dagy_builder.contract import Fault, Step
from dagy_builder.sizes import human_size


@dataclass(frozen=True)
class Summary:
    """A state in a phase, a reason (CamelCase) and a sentence.

    `settled`: nothing more will happen by itself. `stalled`: it failed and someone must act. `resting`: no artifact is
    asked for.
    """

    phase: Phase
    reason: str
    message: str
    settled: bool = False
    stalled: bool = False
    resting: bool = False


_SAVED = (
    "Saved. buildPolicy is Manual: annotate the package with dagy.io/validate or dagy.io/build and a new value to go "
    "on."
)
_ENDS = (Phase.VALID, Phase.INVALID, Phase.COMPLETED, Phase.FAILED)
_STEP_PHASE = {Step.INSTALL: Phase.INSTALLING, Step.PACKAGE: Phase.PACKAGING, Step.UPLOAD: Phase.UPLOADING}


def summarize(plan: BuildPlan, state: State, *, previous: Phase | None, queue_position: int | None = None) -> Summary:
    """Describe the state. `previous` is shown on while something is in the way.

    That it is tried again is said here and nowhere else, because here it is known.
    """
    match state:
        case states.Invalid(failure):
            return Summary(Phase.INVALID, failure.reason, failure.message, settled=True, stalled=True)
        case states.Failed(failure, job):
            message = failure.message + _given_up(plan, failure, job)
            return Summary(Phase.FAILED, failure.reason, message, settled=True, stalled=True)
        case states.Suspended():
            message = "spec.suspend is true: nothing is started. Set it to false to go on."
            return Summary(Phase.PENDING, StateReason.SUSPENDED, message, settled=True, resting=True)
        case states.Saved():
            return Summary(Phase.PENDING, StateReason.SAVED, _SAVED, settled=True, resting=True)
        case states.ToValidate(_, attempt):
            phase = Phase.PENDING if attempt == 1 else Phase.VALIDATING
            return Summary(phase, StateReason.WAITING_TO_VALIDATE, _queue("to be validated", queue_position))
        case states.Validating(_, progress):
            return Summary(Phase.VALIDATING, StateReason.VALIDATING, _validating(plan, progress))
        case states.Validated():
            return Summary(Phase.VALIDATING, StateReason.VALIDATING, "The requirements resolve; keeping the lock.")
        case states.Valid():
            message = "The requirements resolve. buildPolicy is Manual: annotate with dagy.io/build to build."
            return Summary(Phase.VALID, StateReason.VALID, message, settled=True, resting=True)
        case states.Lost(failure):
            return Summary(Phase.QUEUED, failure.reason, failure.message)
        case states.Reusable(_, _, sources):
            message = f"Package {sources[0].name} has an artifact of the same lock; it is copied."
            return Summary(Phase.UPLOADING, StateReason.COPYING, message)
        case states.ToBuild():
            return Summary(Phase.QUEUED, StateReason.QUEUED, _queue("to be built", queue_position))
        case states.Building(_, progress):
            return _building(progress)
        case states.Built():
            return Summary(Phase.UPLOADING, StateReason.UPLOADING, "Checking the uploaded artifact.")
        case states.Retrying(job, failure, at):
            phase = Phase.VALIDATING if job.kind is JobKind.VALIDATE else Phase.QUEUED
            reason = StateReason.RETRYING if failure.fault is Fault.INFRASTRUCTURE else failure.reason
            return Summary(phase, reason, _retrying(failure.message, job.attempt, at))
        case states.Completed(record):
            return Summary(
                Phase.COMPLETED, StateReason.ARTIFACT_READY, completed_message(record.artifact), settled=True
            )
        case states.Blocked(failure):
            phase = Phase.PENDING if previous is None or previous in _ENDS else previous
            return Summary(phase, failure.reason, f"{failure.message} It is tried again by itself.")
        case _:
            assert_never(state)


def _validating(plan: BuildPlan, progress: Progress) -> str:
    count = len(plan.normalized.dependencies)
    what = f"Resolving {count} requirement{'s' * (count != 1)} for Python {plan.spec.python_version}"
    return f"{what}: {progress.waiting}." if progress.waiting else f"{what}."


def _building(progress: Progress) -> Summary:
    if not progress.started:
        message = f"The build's pod has not started yet{': ' + progress.waiting if progress.waiting else ''}."
        return Summary(Phase.QUEUED, StateReason.STARTING, message)
    phase = _STEP_PHASE[progress.step]
    words = {
        Phase.INSTALLING: "uv installs the locked packages.",
        Phase.PACKAGING: "The installed packages are zipped.",
        Phase.UPLOADING: "The ZIP is uploaded to S3.",
    }
    return Summary(phase, StateReason(phase.capitalize()), words[phase])


def _queue(what: str, position: int | None) -> str:
    if position is None:
        return f"Waiting {what}."
    return f"Waiting {what}: number {position} in the queue."


def _retrying(message: str, attempt: int, at: datetime) -> str:
    return f"{message} Attempt {attempt} failed; the next one starts by itself at {at:%H:%M:%S} UTC."


def _given_up(plan: BuildPlan, failure: Failure, job: JobFact | None) -> str:
    """Return the next step for a failure that another attempt may mend, and that gets none by itself."""
    if job is None or not failure.retryable:
        return ""
    if plan.spec.suspend:
        return " It is not tried again while spec.suspend is true."
    return f" Attempt {job.attempt} was the last one; request a build to try again."


def completed_message(artifact: ArtifactStatus) -> str:
    """E.g. "15 packages, 58.3 MB, for Python 3.12 on linux/amd64."."""
    count, warned = artifact.package_count, len(artifact.warnings)
    told = f" {warned} warning{'s' * (warned != 1)} in status.artifact.warnings." if warned else ""
    return (
        f"{count} package{'s' * (count != 1)}, {human_size(artifact.size_bytes)}, "
        f"for Python {artifact.python_version} on linux/{artifact.architecture}.{told}"
    )
