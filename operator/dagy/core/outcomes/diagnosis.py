"""State of a Job, and of a failed one: the cause, the party at fault and the next step. Pure.

A step that could speak left its outcome in the termination message. Otherwise the cause is the pod's end
(dagy.core.outcomes.pod_failures).
"""

from __future__ import annotations

from dataclasses import dataclass

from dagy.core.common.failure import Failure
from dagy.core.outcomes import pod_failures
from dagy.core.outcomes.facts import STEPS, ContainerFact, JobFact, PodFact
from dagy.core.outcomes.step_outcomes import parse_outcome
from dagy_builder.contract import ExitCode, Fault, Problem, Reason, Step, StepOutcome


@dataclass(frozen=True)
class Progress:
    """The Job is under way at `step`; `started` once a container runs.

    `waiting` names the cause of its waiting, as a part of a sentence: Kubernetes' own words may end with a full stop.
    """

    step: Step
    waiting: str = ""
    started: bool = False


@dataclass(frozen=True)
class Success:
    """All steps ended well; `outcome` is the last one's."""

    outcome: StepOutcome


def standing_of(job: JobFact) -> Progress | Success | Failure:
    """Return the Job's progress, success or failure."""
    if job.cancelled:
        return pod_failures.CANCELLED
    ended = job.failure or job.overdue
    if ended:
        return ended
    pod, steps = job.pod, STEPS[job.kind]
    if pod is None:
        if job.finished or (job.deleting and not job.makes_way):
            return pod_failures.lost(job.name)
        cause = f": {job.not_created}" if job.not_created else ""
        what = "waiting to be admitted by its queue" if job.suspended else "waiting for its pod to be created"
        return Progress(steps[0], _clause(f"{what}{cause}"))
    done = [c for c in pod.containers if c.exit_code == ExitCode.OK]
    if len(done) == len(steps):
        return _success(done[-1])
    failure = _told(pod) or _happened_to(job, pod)
    if failure:
        return failure
    current = next(step for step in steps if step not in {c.step for c in done})
    started = any(c.running or c.exit_code is not None for c in pod.containers)
    return Progress(current, _clause(_waiting(pod, current)), started)


def _told(pod: PodFact) -> Failure | None:
    """Return the failure that the first step reports which failed by itself; the ones after it only noticed."""
    for container in _failed(pod):
        # With cgroup v1 only the process that asked for memory dies, so the step can still report that as a failure.
        if container.reason == "OOMKilled":
            return pod_failures.out_of_memory(container.step)
        outcome = _outcome(container)
        if outcome and outcome.reason != Reason.PREVIOUS_STEP_ENDED:
            return failure_of(outcome)
    return None


def _happened_to(job: JobFact, pod: PodFact) -> Failure | None:
    """Return the failure of the pod. None while it ends: a killed container is reported before the cause of it is."""
    if pod.disruption:
        return pod_failures.disrupted(job.name, pod)
    if pod.phase != "Failed":
        # Nothing more will be reported of a pod whose Job has ended: it was deleted, or its node is away.
        return pod_failures.lost(job.name) if job.finished else None
    if pod.deleting and not pod.reason:
        return pod_failures.lost(job.name)
    killed = next((c for c in _failed(pod) if _outcome(c) is None), None)
    if pod.reason or killed is None:
        return pod_failures.stopped(pod)
    return pod_failures.crashed(killed.step, killed.exit_code)


def _failed(pod: PodFact) -> list[ContainerFact]:
    return [c for c in pod.containers if c.exit_code not in (None, ExitCode.OK)]


def _success(last: ContainerFact) -> Success | Failure:
    outcome = _outcome(last)
    if outcome is None or not outcome.ok:
        return Failure(
            Reason.INTERNAL_ERROR,
            f"Step {last.step} ended without saying what it did. If it stays, the builder image and the "
            "operator are of different versions.",
            Fault.INFRASTRUCTURE,
        )
    return Success(outcome)


def failure_of(outcome: StepOutcome) -> Failure:
    """Return the failure that a step reported itself."""
    fault = Fault(outcome.fault) if outcome.fault in tuple(Fault) else Fault.INFRASTRUCTURE
    result = outcome.result or {}
    return Failure(
        outcome.reason or Reason.INTERNAL_ERROR,
        outcome.message or f"Step {outcome.step} failed without a message; its log says more.",
        fault,
        tuple(Problem.from_json(p) for p in outcome.problems or []),
        result.get("raw"),
    )


def _outcome(container: ContainerFact) -> StepOutcome | None:
    """Return the step's own report, or None when it wrote none (killed) or something else did (hostile)."""
    outcome = container.outcome or parse_outcome(container.message)
    return outcome if outcome and outcome.step == container.step else None


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
    return f"{container.reason}: {container.message}{hint}"


def _clause(text: str) -> str:
    return text.strip(": .")
