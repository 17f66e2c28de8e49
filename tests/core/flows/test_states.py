"""States of flow deployments: their conditions, what is waited for, and what is done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dagy.core.attach.pin import AttachReason, AttachRequest, PackageRef, ResolvedPackage, pin
from dagy.core.attach.refusals import Refusal
from dagy.core.flows import states as flow_states
from dagy.core.flows.facts import holds
from dagy.core.flows.plan import flow_plan_of
from dagy.core.flows.reasons import FlowReason, used_by
from dagy.core.flows.states import Deployed, Observed, Refused, flow_actions, flow_state_of
from dagy.core.flows.status import flow_status_of
from dagy.model.flowstatus import FlowDeploymentStatus
from dagy.model.status import Condition, DepPackageStatus, Phase
from tests.fakes.flows import NOW, SETTINGS, SLUG, attached, deployment, kept
from tests.fakes.homes import home


def under_way(phase: Phase, settled: str, *, changed: bool = False) -> ResolvedPackage:
    condition = Condition(type="Settled", status=settled, reason="X", last_transition_time="2026-11-21T12:00:00Z")  # type: ignore[arg-type]
    return ResolvedPackage(home(SLUG), DepPackageStatus(phase=phase, conditions=[condition]), changed=changed)


@pytest.mark.parametrize(
    ("phase", "settled", "waiting"),
    [(Phase.INSTALLING, "False", True), (Phase.FAILED, "True", False), (Phase.VALID, "True", False)],
)
def test_only_what_is_under_way_is_waited_for(phase: Phase, settled: str, waiting: bool) -> None:
    refusal = pin(AttachRequest("team-a", (PackageRef(SLUG),)), {SLUG: under_way(phase, settled)})
    assert isinstance(refusal, Refusal)
    assert refusal.waiting is waiting
    # Whatever it was: nobody has looked at what it is now.
    refusal = pin(AttachRequest("team-a", (PackageRef(SLUG),)), {SLUG: under_way(phase, settled, changed=True)})
    assert isinstance(refusal, Refusal)
    assert refusal.waiting


def conditions(obj: dict[str, Any], seen: Observed) -> tuple[set[str], str]:
    plan = flow_plan_of(obj)
    status = flow_status_of(plan, seen, flow_state_of(plan, seen), FlowDeploymentStatus(), NOW)
    return {c.type for c in status.conditions if c.status == "True"}, status.message


def test_conditions() -> None:
    obj = deployment()
    plan = flow_plan_of(obj)
    assert conditions(obj, Observed(revisions=(kept(plan),), attachment=attached()))[0] == {"Ready", "Settled"}
    no = Refusal(AttachReason.UNKNOWN_SLUG, "No such package.")
    newer = deployment(flowVersion="2")
    assert conditions(newer, Observed(revisions=(kept(plan),), attachment=no)) == (
        {"Stalled", "Settled"}, "No such package. Revision 1 (version 1) stays deployed.",
    )  # fmt: skip
    assert conditions(obj, Observed(revisions=(kept(plan),), attachment=no)) == (
        {"Stalled", "Settled"},
        "No such package.",
    )
    assert conditions(obj, Observed(attachment=replace(no, waiting=True)))[0] == {"Reconciling"}


def test_every_state_has_actions() -> None:
    plan, obj = flow_plan_of(deployment(schedule="0 3 * * *")), deployment(schedule="0 3 * * *")
    seen = Observed(revisions=(kept(plan),), attachment=attached())
    for state in (Deployed(kept(plan)), Refused(Refusal(FlowReason.NAME_TAKEN, "x"))):
        (apply,) = flow_actions(plan, seen, state, obj, SETTINGS)
        assert isinstance(apply, flow_states.ApplyCronJob)
        found = {**apply.manifest, "extra": 1}
        assert flow_actions(plan, replace(seen, cron_job=found), state, obj, SETTINGS) == ()


def test_what_the_api_server_adds_is_no_difference() -> None:
    wanted = {"a": {"b": [1, {"c": 2}]}}
    assert holds(wanted, {"a": {"b": [1, {"c": 2, "default": True}], "more": 1}})
    assert not holds(wanted, {"a": {"b": [1, {"c": 3}]}})
    assert not holds(wanted, {"a": {"b": [1, {"c": 2}, 3]}})
    assert not holds(wanted, {})


def test_many_users_are_counted() -> None:
    assert "a/1, a/2, a/3, a/4, a/5 and 2 more." in used_by([f"a/{n}" for n in range(1, 8)])
