"""What the kubelet reports becomes a reason, a fault and a sentence with the next step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dagy.core.common.failure import Failure, failure_in
from dagy.core.outcomes.diagnosis import Progress, Success, standing_of
from dagy.core.outcomes.facts import JobFact, jobs_of
from dagy.core.outcomes.slots import occupied_slots
from dagy.model.status import JobKind
from dagy_builder.contract import Fault, Step, StepOutcome
from tests.fakes.facts import outcome
from tests.fakes.reported import ended, fact, running, waiting

ALL = [running("install"), running("package"), running("upload")]


@pytest.mark.parametrize(
    ("job", "step", "started"),
    [
        (fact(None), Step.INSTALL, False),
        (fact([]), Step.INSTALL, False),
        (fact([waiting("install", "ContainerCreating")]), Step.INSTALL, False),
        (fact(ALL), Step.INSTALL, True),
        (fact([ended("install"), *ALL[1:]]), Step.PACKAGE, True),
        (fact([ended("install"), ended("package"), ALL[2]]), Step.UPLOAD, True),
    ],
)
def test_progress(job: JobFact, step: Step, started: bool) -> None:
    standing = standing_of(job)
    assert isinstance(standing, Progress)
    assert (standing.step, standing.started) == (step, started)


def test_success_is_seen_in_the_pod_before_the_job_says_so() -> None:
    job = fact([ended("install"), ended("package"), ended("upload")])
    assert isinstance(standing_of(job), Success)
    assert job.finished == ""
    assert job.ended_at == "2026-11-21T12:00:09Z"


def test_a_nodes_clock_does_not_say_when_an_attempt_has_ended_as_soon_as_its_job_has_a_condition() -> None:
    condition = {"type": "Failed", "status": "True", "lastTransitionTime": "2026-11-21T11:00:11Z"}
    job = fact([ended("install", 1)], phase="Failed", job_status={"conditions": [condition]})
    assert job.ended_at == "2026-11-21T11:00:11Z"


def test_waiting_is_told() -> None:
    job = fact([waiting("install", "ErrImageNeverPull", "image is not present")])
    standing = standing_of(job)
    assert isinstance(standing, Progress)
    assert "ErrImageNeverPull: image is not present (is the builder image name right" in standing.waiting
    unschedulable = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: Never."}
    standing = standing_of(fact([], conditions=[unschedulable]))
    assert isinstance(standing, Progress)
    assert standing.waiting == "no node can take the pod: 0/1 nodes are available: Never", "part of a sentence"


FAILED_JOB = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}
DRAINED = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "EvictionByEvictionAPI",
    "message": "Eviction API: evicting",
}
NOTICED = {"j": StepOutcome(Step.UPLOAD, ok=False, reason="PreviousStepEnded", message="-", fault=Fault.INFRASTRUCTURE)}

FAILURES = [
    ("own report", fact([ended("install", 65, message=outcome(Step.INSTALL, reason="HashMismatch"))]), "HashMismatch", Fault.USER),
    (
        "the root cause, not the step that noticed",
        fact(
            [
                ended("install", 75, message=outcome(Step.INSTALL, reason="IndexUnreachable", fault=Fault.INFRASTRUCTURE)),
                ended("package", 75, message=outcome(Step.PACKAGE, reason="PreviousStepEnded", fault=Fault.INFRASTRUCTURE)),
            ]
        ),
        "IndexUnreachable",
        Fault.INFRASTRUCTURE,
    ),
    ("out of memory", fact([ended("install", 137, "OOMKilled")]), "OutOfMemory", Fault.USER),
    ("crash", fact([ended("install", 139, "Error")], phase="Failed"), "StepCrashed", Fault.INFRASTRUCTURE),
    ("a report that is none", fact([ended("install", 1, "Error", '{"step": 7}')], phase="Failed"), "StepCrashed", Fault.INFRASTRUCTURE),
    ("a report in another's name", fact([ended("install", 1, "Error", outcome(Step.UPLOAD))], phase="Failed"), "StepCrashed", Fault.INFRASTRUCTURE),
    ("a JSON array", fact([ended("install", 1, "Error", "[1]")], phase="Failed"), "StepCrashed", Fault.INFRASTRUCTURE),
    ("success without a report", fact([ended("install"), ended("package"), ended("upload", message=" ")]), "InternalError", Fault.INFRASTRUCTURE),
    ("evicted", fact([], phase="Failed", reason="Evicted", message="node was low on memory"), "Evicted", Fault.INFRASTRUCTURE),
    ("evicted through the API", fact([ended("install", 143, "Error")], conditions=[DRAINED]), "Evicted", Fault.INFRASTRUCTURE),
    ("the node's disk", fact([], phase="Failed", reason="Evicted", message="The node was low on resource: ephemeral-storage."), "Evicted", Fault.INFRASTRUCTURE),
    ("a volume's limit", fact([], phase="Failed", reason="Evicted", message='Usage of EmptyDir volume "work" exceeds the limit "5Mi".'), "DiskFull", Fault.USER),
    ("a container's disk", fact([], phase="Failed", reason="Evicted", message='Container install exceeded its local ephemeral storage limit "5Mi".'), "DiskFull", Fault.USER),
    ("only uv was out of memory", fact([ended("install", 65, "OOMKilled", outcome(Step.INSTALL, reason="InstallFailed"))]), "OutOfMemory", Fault.USER),
    ("an image that can't be pulled", fact([ended("install", 137, "ContainerStatusUnknown")], phase="Failed", reason="DeadlineExceeded"), "PodNotStarted", Fault.ADMINISTRATOR),
    ("an image that can't be pulled yet", fact([waiting("install", "ImagePullBackOff")], phase="Failed", reason="DeadlineExceeded"), "PodNotStarted", Fault.ADMINISTRATOR),
    ("a pod that no kubelet has seen", fact([], phase="Failed", reason="DeadlineExceeded"), "PodNotStarted", Fault.ADMINISTRATOR),
    ("stopped while it ran, not yet reported", fact([running("install")], phase="Failed", reason="DeadlineExceeded"), "DeadlineExceeded", Fault.USER),
    ("deleted by somebody", fact([ended("install", 143, "Error")], phase="Failed", deleting=True), "PodLost", Fault.INFRASTRUCTURE),
    ("deleted and its node away", fact([running("install")], deleting=True, job_status=FAILED_JOB), "PodLost", Fault.INFRASTRUCTURE),
    ("no uv", fact([ended("install", 78, message=outcome(Step.INSTALL, reason="UvMissing", fault=Fault.ADMINISTRATOR))]), "UvMissing", Fault.ADMINISTRATOR),
    ("deleted by the garbage collector", fact([running("install")], conditions=[{**DRAINED, "reason": "DeletionByPodGC"}]), "PodLost", Fault.INFRASTRUCTURE),
    ("shut down", fact([], phase="Failed", reason="Terminated", message="Pod was terminated in response to imminent node shutdown."), "PodFailed", Fault.INFRASTRUCTURE),
    ("disk full", fact([], phase="Failed", reason="Evicted", message="Pod ephemeral local storage usage exceeds"), "DiskFull", Fault.USER),
    ("deadline", fact([ended("install", 137, "Error")], phase="Failed", reason="DeadlineExceeded"), "DeadlineExceeded", Fault.USER),
    ("node gone", fact(None, job_status={"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}), "PodLost", Fault.INFRASTRUCTURE),
    ("gone at once, and its last step could only say that another ended", fact(None, said=NOTICED, job_status=FAILED_JOB), "PodLost", Fault.INFRASTRUCTURE),
]  # fmt: skip


@pytest.mark.parametrize(("job", "reason", "fault"), [f[1:] for f in FAILURES], ids=[f[0] for f in FAILURES])
def test_failures(job: JobFact, reason: str, fault: Fault) -> None:
    failure = standing_of(job)
    assert isinstance(failure, Failure)
    assert (failure.reason, failure.fault) == (reason, fault)
    assert failure.message.endswith(".")


PODS: list[list[dict[str, Any]] | None] = [
    None, [], ALL, [waiting("install", "ImagePullBackOff")], [ended("install"), *ALL[1:]], [ended("install", 143, "Error")],
    [ended("install"), ended("package"), running("upload")], [ended("install"), ended("package"), ended("upload")],
]  # fmt: skip
SAID: list[dict[str, StepOutcome]] = [{}, NOTICED, {"j": StepOutcome(Step.UPLOAD, ok=True)}]


@pytest.mark.parametrize("end", ["Failed", "Complete"])
@pytest.mark.parametrize(
    ("phase", "deleting"), [("Running", False), ("Running", True), ("Pending", True), ("Failed", True)]
)
@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("containers", PODS)
def test_a_job_that_has_ended_makes_no_progress(
    containers: list[dict[str, Any]] | None, said: dict[str, StepOutcome], phase: str, deleting: bool, end: str
) -> None:
    """Nothing will come of it any more, so whoever waited for that would wait for ever."""
    status = {"conditions": [{"type": end, "status": "True"}]}
    job = fact(containers, phase=phase, deleting=deleting, said=said, job_status=status)
    assert not isinstance(standing_of(job), Progress)


@pytest.mark.parametrize("containers", [[ended("install", 143, "Error"), *ALL[1:]], [ended("install", 137, "Error")]])
def test_a_killed_container_is_no_verdict_while_the_pod_lives(containers: list[dict[str, Any]]) -> None:
    """The kubelet reports containers first, and why it stopped them when all have ended."""
    assert isinstance(standing_of(fact(containers)), Progress)


def test_what_was_recorded_stays_true_without_the_pod() -> None:
    found = standing_of(fact([], phase="Failed", reason="Evicted", message="The node was low on resource: memory."))
    assert isinstance(found, Failure)
    job = replace(fact(None), failure=failure_in(found.to_annotation()))
    assert standing_of(job) == found


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"reason": "a"}', '{"reason":"a","message":"b","fault":"nobody"}'])
def test_an_annotation_of_somebody_else_is_no_failure(text: str) -> None:
    assert failure_in(text) is None


def test_a_job_without_our_labels_is_not_ours() -> None:
    assert jobs_of([{"metadata": {"name": "j", "labels": {"dagy.io/job": "other"}}}], []) == ()


def test_the_newest_pod_counts() -> None:
    job = fact(ALL)
    assert job.kind is JobKind.BUILD
    assert job.pod
    assert job.pod.name == "p"


def test_slots_are_taken_by_pods_that_have_not_ended_and_by_jobs_still_without_one() -> None:
    def obj(name: str, **rest: Any) -> dict[str, Any]:
        labels = {"dagy.io/job": "build", "dagy.io/attempt": "1", "job-name": name}
        annotations = {"dagy.io/package": f"of-{name}/p"}
        return {"metadata": {"name": name, "labels": labels, "annotations": annotations}, **rest}

    jobs = [
        obj("new"),
        obj("running"),
        obj("done", status={"conditions": [{"type": "Complete", "status": "True"}]}),
        obj("ending"),
    ]
    pods = [
        obj("running", status={"phase": "Running"}),
        obj("ending", status={"phase": "Succeeded"}),
        obj("orphan", status={"phase": "Running"}),  # its Job is deleted, it is being stopped
    ]
    assert sorted(occupied_slots(jobs, pods)) == ["of-new", "of-orphan", "of-running"]
    assert sorted(occupied_slots(jobs, pods, {"running"})) == ["of-new", "of-orphan"], "it only pushes an image"
