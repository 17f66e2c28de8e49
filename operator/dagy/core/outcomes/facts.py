"""From the Kubernetes objects of a package's Jobs to facts: running and ended Jobs, with their outcomes. Pure.

A pod is looked at before its Job, because the Job's own condition comes about a second later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from dagy.core.common.failure import Failure, failure_in
from dagy.core.outcomes.step_outcomes import Complete, Result
from dagy.model import constants as names
from dagy.model.status import JobKind
from dagy_builder.contract import Step, StepOutcome
from dagy_builder.failure import exit_code_of

Json = Mapping[str, Any]

STEPS: Mapping[JobKind, tuple[Step, ...]] = {
    JobKind.VALIDATE: (Step.RESOLVE,),
    JobKind.BUILD: (Step.INSTALL, Step.PACKAGE, Step.UPLOAD),
}


@dataclass(frozen=True)
class ContainerFact:
    """One container: `exit_code` is set once it has ended; `reason` is that of its waiting or of its end."""

    step: Step
    running: bool = False
    exit_code: int | None = None
    reason: str = ""
    message: str = ""
    started_at: str = ""
    ended_at: str = ""
    """RFC 3339 times, as the kubelet reports them; empty until it has."""
    outcome: StepOutcome | None = None
    """The outcome that its log told before the kubelet's report with the termination message came; None otherwise."""


@dataclass(frozen=True)
class PodFact:
    """The newest pod of a Job."""

    name: str
    phase: str
    uid: str = ""
    reason: str = ""
    message: str = ""
    unschedulable: str = ""
    sidecar_waits: str = ""
    """The reason that a container does not start for which the steps wait; empty when none is waiting."""
    deleting: bool = False
    disruption: str = ""
    """Reason of the condition DisruptionTarget: the cause of the pod's end (an eviction, the node, a preemption)."""
    disruption_message: str = ""
    image_id: str = ""
    """The builder image by its digest, once a container has started."""
    containers: tuple[ContainerFact, ...] = ()

    def container(self, step: Step) -> ContainerFact | None:
        """Return the container of that step, when the kubelet has reported it."""
        return next((c for c in self.containers if c.step is step), None)


@dataclass(frozen=True)
class JobFact:
    """A Job of the package, with its newest pod."""

    name: str
    uid: str
    kind: JobKind
    input_hash: str
    attempt: int
    created_at: str
    ended_at: str = ""
    """RFC 3339 time at which the last container, or else the Job, ended; empty while it runs."""
    finished: str = ""
    """Complete, Failed or empty."""
    finished_reason: str = ""
    cancelled: bool = False
    after_cancel: str = ""
    """The request to cancel that had been acted upon before the Job was made, as status may not remember."""
    log_uri: str = ""
    """URI of its kept log; empty until it is kept."""
    failure: Failure | None = None
    """Its failure, as it was recorded; pods and logs may be gone since."""
    deleting: bool = False
    pod: PodFact | None = None
    suspended: bool = False
    """True while a queue (Kueue) has not admitted it yet, or has taken its place away; a tombstone stays so."""
    waits_since: str = ""
    """RFC 3339 time from which its pod could run; empty while the Job is suspended."""
    not_created: str = ""
    """The reason that it has no pod, in Kubernetes' or the queue's words."""
    overdue: Failure | None = None
    """The failure of a pod that did not start in the time that it had, once that is over."""
    result: Result | None = None
    """The result that its log told, as far as it was followed or read."""

    @property
    def makes_way(self) -> bool:
        """True while it goes that never had a place in its queue: nothing is lost by that."""
        return self.suspended and self.deleting

    @property
    def live(self) -> bool:
        """True when it occupies a slot: it may still run containers."""
        if self.finished or self.cancelled or self.failure:
            return False
        return self.pod is None or self.pod.phase not in ("Succeeded", "Failed")


def jobs_of(
    jobs: Iterable[Json], pods: Iterable[Json], said: Mapping[str, StepOutcome] = MappingProxyType({})
) -> tuple[JobFact, ...]:
    """Facts of all Jobs, oldest attempt first. Objects without our labels are not ours and are left out.

    `said`: the outcome that a Job's last step has told, by the Job's name; empty where logs are not to be trusted.
    """
    newest: dict[str, Json] = {}
    for pod in pods:
        owner = job_of(pod)
        if owner not in newest or _created(newest[owner]) <= _created(pod):
            newest[owner] = pod
    named = [(job["metadata"]["name"], job) for job in jobs if _ours(job)]
    facts = [job_fact(job, newest.get(name), said.get(name)) for name, job in named]
    return tuple(sorted(facts, key=lambda job: (job.kind, job.input_hash, job.attempt)))


def _ours(job: Json) -> bool:
    return label_of(job, names.LABEL_JOB_KIND) in tuple(JobKind) and label_of(job, names.LABEL_ATTEMPT).isdigit()


def last_step_running(pod: Json) -> Step | None:
    """Return the step with which the pod's work ends, when its container runs."""
    kind = label_of(pod, names.LABEL_JOB_KIND)
    if kind not in tuple(JobKind):
        return None
    container = _pod(pod, JobKind(kind)).container(STEPS[JobKind(kind)][-1])
    return container.step if container and container.running else None


def _ended_as_said(pod: PodFact | None, kind: JobKind, outcome: StepOutcome | None) -> PodFact | None:
    """Return the pod as it is when its last step has told its outcome.

    The kubelet reports that up to a second later; where the pod is gone by then, it never does.
    """
    step = STEPS[kind][-1]
    if outcome is None or outcome.step != step:
        return pod
    if pod is None:
        pod = PodFact("", "Running", containers=tuple(ContainerFact(each, running=True) for each in STEPS[kind]))
    last = pod.container(step)
    if last is None or not last.running:
        return pod
    told = replace(last, running=False, exit_code=exit_code_of(outcome), outcome=outcome)
    # It ends well only after all others did.
    before = [replace(c, running=False, exit_code=0) if outcome.ok else c for c in pod.containers if c is not last]
    return replace(pod, containers=(*before, told))


def job_fact(job: Json, pod: Json | None, said: StepOutcome | None = None) -> JobFact:
    """Return the facts of one Job with our labels, its newest pod, and the outcome that its last step has told."""
    status = job.get("status") or {}
    ended: Json = next(
        (c for c in status.get("conditions") or [] if c["type"] in ("Complete", "Failed") and c["status"] == "True"), {}
    )
    annotations = job["metadata"].get("annotations") or {}
    kind = JobKind(label_of(job, names.LABEL_JOB_KIND))
    suspended = bool((job.get("spec") or {}).get("suspend"))
    # What a pod does that is stopped for others' sake says nothing about the attempt.
    found = _pod(pod, kind) if pod and not suspended else None
    return JobFact(
        name=job["metadata"]["name"],
        uid=str(job["metadata"].get("uid", "")),
        kind=kind,
        input_hash=label_of(job, names.LABEL_INPUT_HASH),
        attempt=int(label_of(job, names.LABEL_ATTEMPT)),
        created_at=_created(job),
        suspended=suspended,
        waits_since="" if suspended else str(status.get("startTime") or _created(job)),
        ended_at=_ended_at(pod, ended),
        finished=ended.get("type", ""),
        finished_reason=ended.get("reason", ""),
        cancelled=names.REQUEST_CANCEL in annotations,
        after_cancel=str(annotations.get(names.ANNOTATION_AFTER_CANCEL, "")),
        log_uri=str(annotations.get(names.ANNOTATION_LOG_KEPT, "")),
        failure=failure_in(str(annotations.get(names.ANNOTATION_FAILURE, ""))),
        deleting="deletionTimestamp" in job["metadata"],
        pod=_ended_as_said(found, kind, said),
        result=Complete(said) if said else None,
    )


def _ended_at(pod: Json | None, condition: Json) -> str:
    """By the control plane's clock as soon as it has told of the end: a node may have any time."""
    if told := condition.get("lastTransitionTime"):
        return str(told)
    statuses = ((pod or {}).get("status") or {}).get("containerStatuses") or []
    ends = [((c.get("state") or {}).get("terminated") or {}).get("finishedAt") or "" for c in statuses]
    return max(ends, default="")


def _pod(pod: Json, kind: JobKind) -> PodFact:
    status = pod.get("status") or {}
    conditions: Mapping[str, Json] = {c["type"]: c for c in status.get("conditions") or []}
    scheduled, disrupted = conditions.get("PodScheduled", {}), conditions.get("DisruptionTarget", {})
    by_name = {c["name"]: c for c in status.get("containerStatuses") or []}
    containers = tuple(_container(step, by_name[step]) for step in STEPS[kind] if step in by_name)
    return PodFact(
        name=pod["metadata"]["name"],
        uid=str(pod["metadata"].get("uid", "")),
        phase=status.get("phase", "Pending"),
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        unschedulable=scheduled.get("message", "") if scheduled.get("status") == "False" else "",
        sidecar_waits=_sidecar_waits(status),
        deleting="deletionTimestamp" in pod["metadata"],
        disruption=disrupted.get("reason", "") if disrupted.get("status") == "True" else "",
        disruption_message=disrupted.get("message", ""),
        image_id=next((s["imageID"] for s in by_name.values() if s.get("imageID")), ""),
        containers=containers,
    )


def _sidecar_waits(status: Json) -> str:
    for container in status.get("initContainerStatuses") or []:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason", "PodInitializing") != "PodInitializing":
            return f"container {container['name']}: {waiting['reason']}: {waiting.get('message', '')}".strip(": ")
    return ""


def _container(step: Step, status: Json) -> ContainerFact:
    state = status.get("state") or {}
    ended = state.get("terminated")
    if ended:
        code = int(ended.get("exitCode", 1))
        return ContainerFact(
            step,
            exit_code=code,
            reason=ended.get("reason", ""),
            message=ended.get("message", ""),
            started_at=str(ended.get("startedAt") or ""),
            ended_at=str(ended.get("finishedAt") or ""),
        )
    waiting, running = state.get("waiting") or {}, state.get("running")
    return ContainerFact(
        step,
        running=running is not None,
        reason=waiting.get("reason", ""),
        message=waiting.get("message", ""),
        started_at=str((running or {}).get("startedAt") or ""),
    )


def job_of(pod: Json) -> str:
    """Name of the Job that a pod belongs to; empty when there is none."""
    return label_of(pod, "batch.kubernetes.io/job-name") or label_of(pod, "job-name")


def label_of(obj: Json, name: str) -> str:
    """The label's value; empty when there is none."""
    return str((obj["metadata"].get("labels") or {}).get(name, ""))


def _created(obj: Json) -> str:
    return str(obj["metadata"].get("creationTimestamp", ""))
