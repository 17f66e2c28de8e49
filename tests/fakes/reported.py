"""Jobs and pods as the API server and the kubelet report them."""

from __future__ import annotations

from typing import Any

from dagy.core.outcomes.facts import JobFact, jobs_of
from dagy_builder.contract import Step, StepOutcome
from tests.fakes.facts import outcome


def fact(
    containers: list[dict[str, Any]] | None,
    *,
    kind: str = "build",
    phase: str = "Running",
    job_status: dict[str, Any] | None = None,
    deleting: bool = False,
    said: dict[str, StepOutcome] | None = None,
    **pod_status: Any,
) -> JobFact:
    """Return a Job with one pod, p, in that state, or with none. `said`: the outcomes told by Jobs, by name."""
    labels = {"dagy.io/job": kind, "dagy.io/attempt": "1", "dagy.io/input-hash": "abc", "job-name": "j"}
    metadata = {"name": "j", "labels": labels, "creationTimestamp": "2026-11-21T12:00:00Z"}
    pods = (
        []
        if containers is None
        else [
            {
                "metadata": {**metadata, "name": "p", **({"deletionTimestamp": "now"} if deleting else {})},
                "status": {"phase": phase, "containerStatuses": containers, **pod_status},
            }
        ]
    )
    (job,) = jobs_of([{"metadata": metadata, "status": job_status or {}}], pods, said or {})
    return job


def running(name: str) -> dict[str, Any]:
    """A container that runs."""
    return {"name": name, "state": {"running": {"startedAt": "2026-11-21T12:00:01Z"}}}


def ended(name: str, code: int = 0, reason: str = "Completed", message: str | None = None) -> dict[str, Any]:
    """A container that ended, well if nothing else is said."""
    text = outcome(Step(name)) if message is None and code == 0 else message or ""
    end = {"exitCode": code, "reason": reason, "message": text, "finishedAt": "2026-11-21T12:00:09Z"}
    return {"name": name, "state": {"terminated": end}}


def waiting(name: str, reason: str, message: str = "") -> dict[str, Any]:
    """A container that has not started."""
    return {"name": name, "state": {"waiting": {"reason": reason, "message": message}}}
