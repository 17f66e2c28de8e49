"""State of a FlowDeployment, and the actions that follow. Pure: actions are values, the controller performs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from dagy.core.attach.pin import Attachment
from dagy.core.attach.refusals import Refusal
from dagy.core.flows.facts import RunFact, holds, is_owned, surplus_runs
from dagy.core.flows.jobs import cron_job, run_of
from dagy.core.flows.plan import FlowPlan, FlowSettings, is_deployed, revision_of
from dagy.core.flows.reasons import FlowReason
from dagy.core.flows.revisions import KeptRevision, revision_name, surplus
from dagy.model.flowstatus import PinnedPackage

Json = dict[str, Any]


@dataclass(frozen=True)
class Observed:
    """Findings in the cluster and in S3 for one deployment."""

    revisions: tuple[KeptRevision, ...] = ()
    """Newest first."""
    runs: tuple[RunFact, ...] = ()
    """Newest first."""
    cron_job: Mapping[str, Any] | None = None
    """The CronJob of the deployment's name, be it the deployment's or not."""
    attachment: Attachment | Refusal = field(default_factory=lambda: Attachment(()))
    """The artifacts to attach, or the refusal: for the present spec or, once it is deployed, for its revision."""
    handled_run: str = ""
    handled_refresh: str = ""

    @property
    def present(self) -> KeptRevision | None:
        """The revision that runs are made from."""
        return self.revisions[0] if self.revisions else None


@dataclass(frozen=True)
class Refused:
    """The present spec cannot be deployed, or the deployed revision lost a part. An earlier revision stays in place."""

    refusal: Refusal


@dataclass(frozen=True)
class ToDeploy:
    """A new revision is due, with these artifacts."""

    packages: tuple[PinnedPackage, ...]


@dataclass(frozen=True)
class Deployed:
    """The present revision is that of the present spec."""

    present: KeptRevision


FlowState = Refused | ToDeploy | Deployed


@dataclass(frozen=True)
class CreateRevision:
    """Keep a new revision."""

    number: int
    packages: tuple[PinnedPackage, ...]


@dataclass(frozen=True)
class ApplyCronJob:
    """Create or change the CronJob. Jobs that run are left alone."""

    manifest: Json


@dataclass(frozen=True)
class EndSchedule:
    """There is no schedule any more: its CronJob goes, and the runs that it began are the deployment's own now."""

    uid: str


@dataclass(frozen=True)
class StartRun:
    """Create the Job of a run that was asked for."""

    manifest: Json


@dataclass(frozen=True)
class DeleteRuns:
    """Delete finished Jobs past the history's limit."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class DeleteRevisions:
    """Delete revisions past the history's limit, and their code in S3."""

    revisions: tuple[KeptRevision, ...]


FlowAction = CreateRevision | ApplyCronJob | EndSchedule | StartRun | DeleteRuns | DeleteRevisions


def flow_state_of(plan: FlowPlan, seen: Observed) -> FlowState:
    """Return the deployment's state."""
    if seen.cron_job and plan.spec.schedule and not is_owned(seen.cron_job, plan.uid):
        return Refused(_name_taken(plan))
    if isinstance(seen.attachment, Refusal):
        return Refused(seen.attachment)
    if seen.present and is_deployed(plan, seen.present, seen.handled_refresh):
        return Deployed(seen.present)
    packages = pinned_packages(seen.attachment)
    if seen.present and _same_again(plan, seen.present, packages, seen.handled_refresh):
        return Deployed(seen.present)
    return ToDeploy(packages)


def flow_actions(
    plan: FlowPlan, seen: Observed, state: FlowState, deployment: Mapping[str, Any], settings: FlowSettings
) -> tuple[FlowAction, ...]:
    """Return the actions for now, in their order. Doing them twice changes nothing."""
    match state:
        case ToDeploy(packages):
            return (CreateRevision(_next_number(seen), packages),)
        case Deployed() | Refused():
            # While a newer spec is refused, the revision before it goes on: its schedule, its stop, its runs.
            going_on = (*_schedule(plan, seen, deployment, settings), *_run(plan, seen, deployment, settings))
            return (*going_on, *_tidy(plan, seen))
        case _:
            assert_never(state)


def pinned_packages(attachment: Attachment) -> tuple[PinnedPackage, ...]:
    """Return the attachment as revisions keep it."""
    return tuple(
        PinnedPackage(
            slug=p.slug,
            namespace=p.key.namespace,
            name=p.key.name,
            uri=p.artifact.uri,
            sha256=p.artifact.sha256,
            size_bytes=p.artifact.size_bytes,
            python_version=p.artifact.python_version,
            architecture=p.artifact.architecture,
        )
        for p in attachment.packages
    )


def run_is_due(plan: FlowPlan, seen: Observed) -> bool:
    """Return True when a run was asked for that neither status nor a Job knows of."""
    return bool(plan.run) and plan.run != seen.handled_run and all(run.token != plan.run for run in seen.runs)


def _same_again(plan: FlowPlan, present: KeptRevision, packages: tuple[PinnedPackage, ...], handled: str) -> bool:
    """Return True when a refresh was asked for that finds what is deployed already."""
    same_source = is_deployed(replace(plan, refresh=""), present, handled)
    return same_source and tuple(present.revision.packages) == packages


def _schedule(
    plan: FlowPlan, seen: Observed, deployment: Mapping[str, Any], settings: FlowSettings
) -> tuple[FlowAction, ...]:
    if seen.present is None or (seen.cron_job and not is_owned(seen.cron_job, plan.uid)):
        return ()
    if plan.spec.schedule:
        wanted = cron_job(deployment, plan, seen.present.revision, settings)
        return () if seen.cron_job and holds(wanted, seen.cron_job) else (ApplyCronJob(wanted),)
    return (EndSchedule(seen.cron_job["metadata"]["uid"]),) if seen.cron_job else ()


def _run(
    plan: FlowPlan, seen: Observed, deployment: Mapping[str, Any], settings: FlowSettings
) -> tuple[FlowAction, ...]:
    if seen.present is None or not run_is_due(plan, seen):
        return ()
    return (StartRun(run_of(deployment, seen.present.revision, plan.run, settings.requests)),)


def _tidy(plan: FlowPlan, seen: Observed) -> tuple[FlowAction, ...]:
    runs = surplus_runs(seen.runs, plan.spec.run_history_limit, plan.run)
    old = surplus(seen.revisions, plan.spec.revision_history_limit, (r.run.revision for r in seen.runs if r.live))
    tidy: list[FlowAction] = [DeleteRuns(tuple(r.run.job_name for r in runs))] if runs else []
    return (*tidy, DeleteRevisions(old)) if old else tuple(tidy)


def _name_taken(plan: FlowPlan) -> Refusal:
    return Refusal(
        FlowReason.NAME_TAKEN,
        f"A CronJob {plan.key} exists and does not belong to this deployment. Delete or rename it, or deploy under "
        "another name.",
    )


def revision_taken(plan: FlowPlan, seen: Observed) -> Refusal:
    """Return the refusal of the next revision: the object with its name is none of the deployment's revisions."""
    name = revision_name(plan.key.name, plan.uid, _next_number(seen))
    return Refusal(
        FlowReason.NAME_TAKEN,
        f"ControllerRevision {plan.key.namespace}/{name} exists and is no revision of this deployment. Delete it; the "
        "deployment is tried again by itself.",
        waiting=True,
    )


def _next_number(seen: Observed) -> int:
    return seen.present.number + 1 if seen.present else 1


def new_revision(plan: FlowPlan, action: CreateRevision, deployed_at: str, settings: FlowSettings) -> KeptRevision:
    """Return the revision that a CreateRevision asks for; its object's name comes with the object."""
    revision = revision_of(plan, action.number, action.packages, deployed_at, settings)
    return KeptRevision("", revision, plan.refresh)
