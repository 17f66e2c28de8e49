"""From a deployment's Jobs and CronJob to facts about runs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dagy.model import constants as names
from dagy.model.flowstatus import Run, RunPhase

Json = Mapping[str, Any]


@dataclass(frozen=True)
class RunFact:
    """One run. `token`: the request that it answers; empty for a scheduled one, which its CronJob cleans up."""

    run: Run
    created_at: str
    token: str = ""
    owned: bool = False
    """True when the deployment itself sees to it and no CronJob: it was asked for, or its schedule has ended."""

    @property
    def live(self) -> bool:
        """True when it may still start a pod."""
        return self.run.phase in (RunPhase.PENDING, RunPhase.RUNNING)


def runs_of(jobs: Iterable[Json], uid: str, asked: str = "", cron_job: Json | None = None) -> tuple[RunFact, ...]:
    """All runs, newest first, but for those that are being deleted.

    `uid` is the deployment's, `asked` its request, `cron_job` that of its name. Anybody writes labels: a run is
    controlled by the deployment, or by the CronJob that it controls.
    """
    controllers = {uid, cron_job["metadata"]["uid"]} if cron_job and is_owned(cron_job, uid) else {uid}
    ours = [job for job in jobs if _label(job, names.LABEL_REVISION).isdigit()]
    ours = [job for job in ours if controller_of(job).get("uid") in controllers]
    runs = [_run(job, uid) for job in ours if "deletionTimestamp" not in job["metadata"]]

    # Times of creation are whole seconds: within one, the run that was asked for last is newest, then a running one.
    def age(run: RunFact) -> tuple[str, bool, bool, str]:
        return run.created_at, bool(asked) and run.token == asked, run.live, run.run.job_name

    return tuple(sorted(runs, key=age, reverse=True))


def surplus_runs(runs: Iterable[RunFact], limit: int, token: str) -> tuple[RunFact, ...]:
    """Finished runs to delete: past `limit` of those that succeeded, and of those that failed.

    The one that answers the present request stays: it is the proof that the request has been answered.
    """
    finished = [run for run in runs if run.owned and not run.live]
    finished.sort(key=lambda run: not (token and run.token == token))
    surplus: list[RunFact] = []
    for phase in (RunPhase.SUCCEEDED, RunPhase.FAILED):
        surplus += [run for run in finished if run.run.phase is phase][limit:]
    return tuple(run for run in surplus if not (token and run.token == token))


def controller_of(obj: Json) -> Json:
    """Return the reference to the object's controlling owner (Kubernetes allows one); empty when there is none."""
    owners = obj["metadata"].get("ownerReferences") or []
    return next((owner for owner in owners if owner.get("controller")), {})


def is_owned(obj: Json, uid: str) -> bool:
    """Return True when the object is controlled by the deployment with that uid."""
    return bool(controller_of(obj).get("uid") == uid)


def holds(desired: Any, found: Any) -> bool:
    """Return True when `found` has everything that `desired` asks for; the API server adds defaults of its own."""
    if isinstance(desired, Mapping):
        return isinstance(found, Mapping) and all(k in found and holds(v, found[k]) for k, v in desired.items())
    if isinstance(desired, list):
        same = isinstance(found, list) and len(desired) == len(found)
        return same and all(holds(*pair) for pair in zip(desired, found, strict=True))
    return bool(desired == found)


def _run(job: Json, uid: str) -> RunFact:
    metadata, status = job["metadata"], job.get("status") or {}
    ended = {c["type"]: c for c in status.get("conditions") or [] if c.get("status") == "True"}
    if "Complete" in ended:
        phase, finished = RunPhase.SUCCEEDED, status.get("completionTime")
    elif "Failed" in ended:
        phase, finished = RunPhase.FAILED, ended["Failed"].get("lastTransitionTime")
    else:
        phase, finished = (RunPhase.RUNNING if status.get("ready") or status.get("active") else RunPhase.PENDING), None
    run = Run(
        job_name=metadata["name"],
        revision=int(_label(job, names.LABEL_REVISION)),
        phase=phase,
        started_at=status.get("startTime"),
        finished_at=finished,
    )
    token = str((metadata.get("annotations") or {}).get(names.ANNOTATION_RUN, ""))
    return RunFact(run, str(metadata.get("creationTimestamp", "")), token, owned=is_owned(job, uid))


def _label(obj: Json, name: str) -> str:
    return str((obj["metadata"].get("labels") or {}).get(name, ""))


def is_unseen(package: Json) -> bool:
    """Return True when the operator has never written the package's status, so that its slug is not known."""
    return int((package.get("status") or {}).get("observedGeneration", -1)) < 0
