"""A flow deployment, its package, and the revisions that were kept of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dagy.core.attach.pin import Attachment, Pinned
from dagy.core.flows import states as flow_states
from dagy.core.flows.plan import FlowPlan, FlowSettings, flow_plan_of, revision_of
from dagy.core.flows.revisions import KeptRevision
from dagy.core.flows.states import Observed, flow_actions, flow_state_of, pinned_packages
from tests.fakes.attachable import artifact
from tests.fakes.homes import home

SETTINGS = FlowSettings("docker.io/library/python:{python}-slim", {"cpu": "100m"})
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SLUG = "A1B2C3D4"


def deployment(
    status: dict[str, Any] | None = None, annotations: dict[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    """A FlowDeployment as the API server would give it."""
    base = {
        "artifact": {"uri": "s3://dagy/team-a/flows/etl/1.zip", "sha256": "1" * 64, "sizeBytes": 10},
        "flowName": "daily_etl", "flowVersion": "1", "depPackageSlugs": [SLUG],
    }  # fmt: skip
    metadata = {"namespace": "team-a", "name": "etl", "uid": "12345678-uid", "generation": 1, "resourceVersion": "7"}
    found = {"metadata": {**metadata, "annotations": annotations or {}}, "spec": {**base, **spec}}
    return {**found, "status": status} if status else found


def attached(sha: str = "a" * 64) -> Attachment:
    """Return the attachment of a pod with the one package."""
    return Attachment((Pinned(home(SLUG), artifact(sha, native=False)),))


def kept(plan: FlowPlan, number: int = 1, sha: str = "a" * 64, token: str = "") -> KeptRevision:
    """A revision that was made of that plan."""
    revision = revision_of(plan, number, pinned_packages(attached(sha)), "2026-11-21T12:00:00Z", SETTINGS)
    return KeptRevision(f"etl-{number}", revision, token)


def act(obj: dict[str, Any], seen: Observed) -> tuple[flow_states.FlowState, tuple[flow_states.FlowAction, ...]]:
    """Return the state of a deployment, and the actions that follow."""
    plan = flow_plan_of(obj)
    state = flow_state_of(plan, seen)
    return state, flow_actions(plan, seen, state, obj, SETTINGS)
