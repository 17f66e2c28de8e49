"""From a deployment's state to the status that is written. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from dagy.core.common.conditions import conditions_of
from dagy.core.flows.plan import FlowPlan, is_deployed, stored_bytes
from dagy.core.flows.reasons import FlowReason
from dagy.core.flows.states import Deployed, FlowState, Observed, Refused, ToDeploy, run_is_due
from dagy.model.flowstatus import HISTORY_SHOWN, FlowDeploymentStatus, RevisionSummary
from dagy.model.status import Condition, ConditionType

HISTORY_BYTES = 256 << 10
_OBJECT_BYTES = 1_400_000
"""etcd takes 1,572,864 bytes (--max-request-bytes); there is room left for managed fields."""


def flow_status_of(
    plan: FlowPlan, seen: Observed, state: FlowState, previous: FlowDeploymentStatus, now: datetime
) -> FlowDeploymentStatus:
    """Return the whole status for this state."""
    present = seen.present.revision if seen.present else None
    reason, message, waiting = _headline(plan, seen, state)
    deployed = isinstance(state, Deployed)
    status = FlowDeploymentStatus(
        observed_generation=plan.generation,
        message=message,
        revision=present.revision if present else None,
        flow_version=present.flow_version if present else None,
        packages=present.packages if present else [],
        cron_job_name=plan.key.name if deployed and plan.spec.schedule else _kept_cron_job(plan, seen),
        last_run=seen.runs[0].run if seen.runs else previous.last_run,
        conditions=_conditions(plan, previous, now, reason, message, ready=deployed, waiting=waiting),
        last_handled_run=(plan.run if plan.run and not run_is_due(plan, seen) else seen.handled_run) or None,
        last_handled_refresh=(plan.refresh if deployed and plan.refresh else seen.handled_refresh) or None,
    )
    room = min(HISTORY_BYTES, _OBJECT_BYTES - plan.object_bytes - stored_bytes(status.to_json()))
    return status.model_copy(update={"history": _newest((kept.revision.summary for kept in seen.revisions), room)})


def _newest(revisions: Iterable[RevisionSummary], room: int) -> list[RevisionSummary]:
    """Return as many as status may list in `room` bytes; those that are not listed are kept all the same."""
    shown: list[RevisionSummary] = []
    for one in revisions:
        room -= stored_bytes(one.to_json()) + 1
        if room < 0 or len(shown) == HISTORY_SHOWN:
            break
        shown.append(one)
    return shown


def _kept_cron_job(plan: FlowPlan, seen: Observed) -> str | None:
    """Return the CronJob's name, if any: an earlier revision's schedule goes on while a newer spec is refused."""
    return plan.key.name if plan.spec.schedule and seen.present and seen.cron_job else None


def _headline(plan: FlowPlan, seen: Observed, state: FlowState) -> tuple[str, str, bool]:
    match state:
        case Refused(refusal):
            return refusal.reason, refusal.message + _what_stays(plan, seen), refusal.waiting
        case ToDeploy():
            return FlowReason.DEPLOYED, "The revision is being kept.", True
        case Deployed(kept):
            count = len(kept.revision.packages)
            packages = f"{count} package{'' if count == 1 else 's'}"
            said = f"Revision {kept.number} (version {kept.revision.flow_version}) is deployed with {packages}"
            if plan.spec.schedule and plan.spec.suspend:
                return FlowReason.SCHEDULE_SUSPENDED, f"{said}; its schedule is suspended.", False
            when = f"runs at {plan.spec.schedule}" if plan.spec.schedule else "runs on request"
            return FlowReason.DEPLOYED, f"{said}; it {when}.", False


def _what_stays(plan: FlowPlan, seen: Observed) -> str:
    present = seen.present
    if present is None or is_deployed(plan, present, seen.handled_refresh):
        return ""
    return f" Revision {present.number} (version {present.revision.flow_version}) stays deployed."


def _conditions(
    plan: FlowPlan,
    previous: FlowDeploymentStatus,
    now: datetime,
    reason: str,
    message: str,
    *,
    ready: bool,
    waiting: bool,
) -> list[Condition]:
    rows = [
        (ConditionType.READY, ready, reason, message),
        (ConditionType.SETTLED, not waiting, reason, message),
        (ConditionType.RECONCILING, waiting, reason, message),
        (ConditionType.STALLED, not (ready or waiting), reason, message),
    ]
    return conditions_of(previous.conditions, rows, plan.generation, now)
