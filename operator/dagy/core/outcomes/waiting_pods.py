"""The end of a Job whose pod does not start: its time, and its reason in words. Pure.

A pod's own deadline counts from when a kubelet has it; until then nothing but this ends its turn.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta

from dagy.core.common.failure import Failure
from dagy.core.common.reasons import StateReason
from dagy.core.common.resources import amount
from dagy.core.common.timestamp import timestamp
from dagy.core.outcomes.diagnosis import Progress, standing_of
from dagy.core.outcomes.facts import JobFact
from dagy.model.spec import BuildOptions
from dagy_builder.contract import Fault

_USUAL = timedelta(seconds=5)
_LOWER = "Lower spec.build.resources, or let the administrator allow more."
_LOWER_OR_MAKE_ROOM = "Lower spec.build.resources, or let the administrator make room."
_SHORTAGE = re.compile(r"Insufficient (cpu|memory|ephemeral-storage)\b")
# The scheduler's words where no node could take the pod even if it were empty.
_ON_NO_NODE = re.compile(r"preemption: 0/(\d+) nodes are available: \1 Preemption is not helpful for scheduling")
_QUOTA = re.compile(r"requested: (?P<requested>\S+?), used: \S+?, limited: (?P<limited>\S+)")
_LIMIT_RANGE = re.compile(r"maximum (cpu|memory|ephemeral-storage) usage per (?:Container|Pod) is ")


def is_waiting(job: JobFact) -> bool:
    """Return True when no container of the Job has started, and nothing has ended it."""
    standing = standing_of(job)
    return isinstance(standing, Progress) and not standing.started


def lacks_pod(job: JobFact, now: datetime) -> bool:
    """Return True when the Job has had no pod for longer than the controller, or a queue, usually takes."""
    since = job.created_at if job.suspended else job.waits_since
    return not job.pod and bool(since) and is_waiting(job) and now - _time(since) > _USUAL


def with_end(job: JobFact, options: BuildOptions, seconds: float, now: datetime) -> JobFact:
    """Return the Job as it is once its pod had `seconds` (or the package's time-out, when that is less) to start."""
    allowed = timedelta(seconds=min(seconds, options.timeout_seconds))
    if job.failure and not job.ended_at:
        return replace(job, ended_at=timestamp(_time(job.created_at) + allowed, micro=False))
    if not job.waits_since or not is_waiting(job):
        return job
    end = _time(job.waits_since) + allowed
    if now < end:
        return job
    return replace(job, overdue=_why(job, options, int(allowed.total_seconds())), ended_at=timestamp(end, micro=False))


def _why(job: JobFact, options: BuildOptions, seconds: int) -> Failure:
    pod = job.pod
    if pod is None:
        cause = job.not_created or "Kubernetes gives no cause"
        reason, what = StateReason.POD_NOT_CREATED, "was not created"
        step = "Let the administrator look at the build namespace's quota, limits and policies."
    elif pod.unschedulable:
        cause, reason, what = pod.unschedulable, StateReason.POD_NOT_SCHEDULED, "was taken by no node"
        step = "Let the administrator make room."
        if _lacking(cause) & _asked(options):  # the scheduler tells only sometimes that there can never be enough
            step = _LOWER_OR_MAKE_ROOM
    else:
        standing = standing_of(job)
        cause = (standing.waiting if isinstance(standing, Progress) else "") or "its node gives no cause"
        reason, what = StateReason.POD_NOT_STARTED, "was not started"
        step = (
            "Let the administrator look at the image in DAGY_BUILDER_IMAGE, at Secrets and nodes (`kubectl describe "
            "pod` in the build namespace)."
        )
    # Room may come by itself; a refusal by quota and a failed pull are tried again until somebody has mended them.
    others = Fault.INFRASTRUCTURE if reason is StateReason.POD_NOT_SCHEDULED else Fault.ADMINISTRATOR
    users = _package_asks_too_much(cause, options)
    return Failure(
        reason,
        f"The pod of Job {job.name} {what} within {seconds} s: {' '.join(cause.split()).rstrip('.:')}. "
        f"{_LOWER if users else step}",
        Fault.USER if users else others,
    )


def _package_asks_too_much(cause: str, options: BuildOptions) -> bool:
    """Return True when the package itself asks for more than there can ever be, as far as Kubernetes' words tell."""
    names = _asked(options)
    if _lacking(cause) & names and _ON_NO_NODE.search(cause):
        return True
    if set(_LIMIT_RANGE.findall(cause)) & names:
        return True
    quota = _QUOTA.search(cause)
    return quota is not None and bool(_above(quota["requested"], quota["limited"]) & names)


def _asked(options: BuildOptions) -> set[str]:
    """Names of the resources that the package itself sets."""
    asked = options.resources.to_json() if options.resources else {}
    return {name for part in asked.values() for name in part}


def _lacking(cause: str) -> set[str]:
    return set(_SHORTAGE.findall(cause))


def _above(requested: str, limited: str) -> set[str]:
    """The resources that are requested beyond the whole quota: "requests.cpu=900,pods=1"."""
    most = dict(part.split("=", 1) for part in limited.split(",") if "=" in part)
    above = set()
    for name, _, quantity in (part.partition("=") for part in requested.split(",")):
        try:
            if name in most and amount(quantity) > amount(most[name].rstrip(".")):
                above.add(name.removeprefix("requests.").removeprefix("limits."))
        except ValueError:
            continue
    return above


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
