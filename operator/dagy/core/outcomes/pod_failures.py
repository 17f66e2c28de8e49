"""Ends of a pod by the kubelet, the scheduler or an eviction, in words: reason, fault and next step. Pure."""

from __future__ import annotations

import re

from dagy.core.common.failure import Failure
from dagy.core.common.reasons import StateReason
from dagy.core.outcomes.facts import ContainerFact, PodFact
from dagy_builder.contract import Fault, Reason, Step

CANCELLED = Failure(
    StateReason.CANCELLED, "It was cancelled. Change the package or request a build to go on.", Fault.USER
)
DEADLINE = Failure(
    StateReason.DEADLINE_EXCEEDED,
    "The attempt took longer than it may and was stopped. Raise spec.build.timeoutSeconds, or split the package.",
    Fault.USER,
)
# The kubelet's words for a pod that broke its own limit; those for a node that ran out of disk have no "exceed".
_OWN_DISK_LIMIT = re.compile(
    r"usage of emptydir volume|ephemeral local storage usage exceeds|exceeded its local ephemeral", re.I
)
_NEVER_STARTED = "ContainerStatusUnknown"
# Of the condition DisruptionTarget, when nobody knows the end of the containers any more.
_NODE_GONE = {"DeletionByPodGC", "DeletionByTaintManager"}


def out_of_memory(step: Step) -> Failure:
    """Return the failure of a container that was stopped at its memory limit."""
    return Failure(
        Reason.OUT_OF_MEMORY,
        f"Step {step} used more memory than it may. Raise spec.build.resources.limits.memory, or split the package.",
        Fault.USER,
    )


def lost(job: str) -> Failure:
    """Return the failure of a pod that is gone, with an end that nobody saw."""
    return Failure(
        StateReason.POD_LOST,
        f"The pod of Job {job} disappeared before its result was read, with its node or because somebody deleted it.",
        Fault.INFRASTRUCTURE,
    )


def crashed(step: Step, exit_code: int | None) -> Failure:
    """Return the failure of a container that ended in a way that it did not choose."""
    return Failure(
        StateReason.STEP_CRASHED,
        f"Step {step} ended with exit code {exit_code} and left no report. Its log says more.",
        Fault.INFRASTRUCTURE,
    )


def disrupted(job: str, pod: PodFact) -> Failure:
    """Return the failure of a pod that was taken away: by an eviction, a drained node, a pod of higher priority."""
    if pod.disruption in _NODE_GONE:
        return lost(job)
    if _OWN_DISK_LIMIT.search(pod.message):
        return stopped(pod)
    return _evicted(pod.disruption_message or pod.message or pod.disruption)


def stopped(pod: PodFact) -> Failure:
    """Return the failure of a pod that the kubelet stopped, with its reason."""
    why = _sentence(pod.message or pod.reason)
    if pod.reason == "DeadlineExceeded":
        return DEADLINE if any(_has_started(c) for c in pod.containers) else _not_started()
    if pod.reason == "Evicted" and _OWN_DISK_LIMIT.search(pod.message):
        return Failure(
            Reason.DISK_FULL,
            f"The build used more disk than it may ({why}). Raise spec.build.resources.limits.ephemeral-storage, or "
            "DAGY_WORK_SIZE where the volume's limit is named, or split the package.",
            Fault.USER,
        )
    if pod.reason == "Evicted":
        return _evicted(why)
    return Failure(
        StateReason.POD_FAILED,
        f"The node stopped the build's pod ({why or 'no reason given'}).",
        Fault.INFRASTRUCTURE,
    )


def _evicted(why: str) -> Failure:
    return Failure(
        StateReason.EVICTED,
        f"The build's pod was evicted ({_sentence(why)}).",
        Fault.INFRASTRUCTURE,
    )


def _not_started() -> Failure:
    return Failure(
        StateReason.POD_NOT_STARTED,
        "No container of the build's pod could be started in time. Let the administrator check that the image in "
        "DAGY_BUILDER_IMAGE can be pulled (`kubectl describe pod` in the build namespace tells).",
        Fault.ADMINISTRATOR,
    )


def _has_started(container: ContainerFact) -> bool:
    """Return True unless the container still waited when its pod was stopped; later it has another reason."""
    return container.running or (container.exit_code is not None and container.reason != _NEVER_STARTED)


def _sentence(words: str) -> str:
    return " ".join(words.split()).rstrip(".:")
