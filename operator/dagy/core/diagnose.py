"""How a Job stands, and when it failed: why, whose fault that is, and what to do. Pure.

A step that could speak left its outcome in the termination message. Otherwise the kubelet's words are translated:
each of them has its reason, its fault and its hint in one place here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from dagy.core.facts import STEPS, ContainerFact, JobFact, PodFact
from dagy.core.failure import Failure
from dagy.core.reasons import StateReason
from dagy_builder.contract import ExitCode, Fault, Problem, Reason, Step, StepOutcome


@dataclass(frozen=True)
class Progress:
    """The Job is under way at `step`; `started` once a container runs; `waiting` says what it waits for."""

    step: Step
    waiting: str = ""
    started: bool = False


@dataclass(frozen=True)
class Success:
    """All steps ended well; `outcome` is the last one's."""

    outcome: StepOutcome


def standing_of(job: JobFact) -> Progress | Success | Failure:
    """Where the Job stands."""
    if job.cancelled:
        return _CANCELLED
    pod = job.pod
    if pod is None:
        return _without_pod(job)
    failed = [c for c in pod.containers if c.exit_code not in (None, ExitCode.OK)]
    if failed:
        return _root_cause(job, pod, failed)
    if pod.phase == "Failed":
        return _pod_failure(pod)
    done = [c for c in pod.containers if c.exit_code == ExitCode.OK]
    steps = STEPS[job.kind]
    if len(done) == len(steps):
        return _success(done[-1])
    current = next(step for step in steps if step not in {c.step for c in done})
    started = any(c.running or c.exit_code is not None for c in pod.containers)
    return Progress(current, _waiting(pod, current), started)


def _without_pod(job: JobFact) -> Progress | Failure:
    if job.finished == "Failed" and job.finished_reason == "DeadlineExceeded":
        return _DEADLINE
    if job.finished or job.deleting:
        return Failure(
            StateReason.POD_LOST,
            f"The pod of Job {job.name} disappeared before its result was read, most likely with its node. "
            "It is tried again; nothing needs to be done.",
            Fault.INFRASTRUCTURE,
        )
    return Progress(STEPS[job.kind][0], "waiting for its pod to be created")


def _success(last: ContainerFact) -> Success | Failure:
    outcome = _outcome(last)
    if outcome is None or not outcome.ok:
        return Failure(
            Reason.INTERNAL_ERROR,
            f"Step {last.step} ended without saying what it did. It is tried again; if it stays, the builder image and "
            "the operator are of different versions.",
            Fault.INFRASTRUCTURE,
        )
    return Success(outcome)


def _root_cause(job: JobFact, pod: PodFact, failed: list[ContainerFact]) -> Failure:
    """The first step that failed by itself; the ones after it only noticed."""
    for container in failed:
        outcome = _outcome(container)
        if outcome is None:
            return _killed(pod, container)
        if outcome.reason != Reason.PREVIOUS_STEP_ENDED:
            return failure_of(outcome)
    return failure_of(StepOutcome(job.kind, ok=False))


def failure_of(outcome: StepOutcome) -> Failure:
    """The failure that a step reported itself."""
    fault = Fault.USER if outcome.fault == Fault.USER else Fault.INFRASTRUCTURE
    result = outcome.result or {}
    return Failure(
        outcome.reason or Reason.INTERNAL_ERROR,
        outcome.message or f"Step {outcome.step} failed without a message; its log says more.",
        fault,
        tuple(Problem.from_json(p) for p in outcome.problems or []),
        result.get("raw"),
    )


def _outcome(container: ContainerFact) -> StepOutcome | None:
    """The step's own report, or None when it wrote none (killed) or something else did (hostile)."""
    try:
        data = json.loads(container.message)
        outcome = StepOutcome.from_json(data)
    except (ValueError, TypeError, AttributeError):
        return None
    return outcome if outcome.step == container.step else None


def _killed(pod: PodFact, container: ContainerFact) -> Failure:
    if container.reason == "OOMKilled":
        return Failure(
            StateReason.OUT_OF_MEMORY,
            f"Step {container.step} used more memory than it may. Raise spec.build.resources.limits.memory, or split "
            "the package.",
            Fault.USER,
        )
    if pod.phase == "Failed" and pod.reason:
        return _pod_failure(pod)
    return Failure(
        StateReason.STEP_CRASHED,
        f"Step {container.step} ended with exit code {container.exit_code} and left no report. It is tried again; "
        "its log says more.",
        Fault.INFRASTRUCTURE,
    )


_CANCELLED = Failure(
    StateReason.CANCELLED, "The build was cancelled. Change the package or request a build to go on.", Fault.USER
)
_DEADLINE = Failure(
    StateReason.DEADLINE_EXCEEDED,
    "The attempt took longer than it may and was stopped. Raise spec.build.timeoutSeconds, or split the package.",
    Fault.USER,
)


def _pod_failure(pod: PodFact) -> Failure:
    if pod.reason == "DeadlineExceeded":
        return _DEADLINE
    if pod.reason == "Evicted" and "ephemeral" in pod.message.lower():
        return Failure(
            Reason.DISK_FULL,
            f"The build used more disk than it may ({pod.message.strip()}). Raise "
            "spec.build.resources.limits.ephemeral-storage, or split the package.",
            Fault.USER,
        )
    return Failure(
        pod.reason or StateReason.POD_FAILED,
        f"The node stopped the build's pod ({(pod.message or pod.reason or 'no reason given').strip()}). "
        "It is tried again; nothing needs to be done.",
        Fault.INFRASTRUCTURE,
    )


_HOPELESS = {"ErrImageNeverPull", "InvalidImageName"}


def _waiting(pod: PodFact, step: Step) -> str:
    if pod.unschedulable:
        return f"no node can take the pod: {pod.unschedulable}"
    if pod.sidecar_waits:
        return pod.sidecar_waits
    container = pod.container(step)
    if container is None or container.running or container.exit_code is not None:
        return ""
    if container.reason in ("", "ContainerCreating", "PodInitializing"):
        return ""
    hint = " (is the builder image name right, and does the node have it?)" if container.reason in _HOPELESS else ""
    return f"{container.reason}: {container.message}{hint}".strip(": .")
