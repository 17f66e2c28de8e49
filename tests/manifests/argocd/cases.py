"""Objects of both kinds in all that Argo CD tells apart, as the core brings them about, and what it should say of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dagy.core.attach.pin import Refusal
from dagy.core.attach.refusals import AttachReason
from dagy.core.flows.status import flow_status_of
from dagy.model.flowstatus import FlowDeploymentStatus
from tests.fakes import flows
from tests.fakes.facts import USER, package
from tests.fakes.worlds import World

Json = dict[str, Any]
Case = tuple[str, str, Json]
"""Name, health, object."""
NOT_SEEN = "The operator has not looked at this yet."


def packages() -> Iterator[Case]:
    """DepPackages."""
    yield "new", "Progressing", _object("DepPackage", package(), {})
    world = World(package())
    world.look()
    yield "building", "Progressing", _package(world)
    yield "completed", "Healthy", _settled(World(package()))
    invalid = World(package())
    invalid.run(USER)
    yield "invalid", "Degraded", _package(invalid)
    changed = _package(invalid)
    changed["metadata"]["generation"] = 2
    yield "changed", "Progressing", changed
    yield "saved", "Healthy", _settled(World(package(buildPolicy="Manual")))
    yield "suspended", "Suspended", _settled(World(package(suspend=True)))
    done = World(package())
    done.run()
    done.package["spec"]["suspend"] = True
    done.look()
    yield "completed-suspended", "Healthy", _package(done)


def deployments() -> Iterator[Case]:
    """FlowDeployments."""
    yield "new", "Progressing", _object("FlowDeployment", flows.deployment(), {})
    yield "deployed", "Healthy", _deployed(flows.deployment())
    scheduled = flows.deployment(schedule="0 6 * * *", suspend=True)
    yield "schedule-suspended", "Suspended", _deployed(scheduled)
    why = Refusal(AttachReason.UNKNOWN_SLUG, "No package that namespace team-a may use has the slug A1B2C3D4.")
    yield "refused", "Degraded", _refused(why)
    yield (
        "waiting",
        "Progressing",
        _refused(Refusal(AttachReason.NOT_COMPLETED, "Package team-a/ml is QUEUED.", waiting=True)),
    )
    changed = _deployed(flows.deployment())
    changed["metadata"]["generation"] = 2
    yield "changed", "Progressing", changed


def _settled(world: World) -> Json:
    world.run()
    return _package(world)


def _package(world: World) -> Json:
    return _object("DepPackage", world.package, world.status.to_json())


def _deployed(obj: Json) -> Json:
    plan = flows.flow_plan_of(obj)
    return _flow(obj, flows.Observed(attachment=flows.attached(), revisions=(flows.kept(plan),)))


def _refused(refusal: Refusal) -> Json:
    return _flow(flows.deployment(), flows.Observed(attachment=refusal))


def _flow(obj: Json, seen: flows.Observed) -> Json:
    state, _ = flows.act(obj, seen)
    status = flow_status_of(flows.flow_plan_of(obj), seen, state, FlowDeploymentStatus(), flows.NOW)
    return _object("FlowDeployment", obj, status.to_json())


def _object(kind: str, obj: Json, status: Json) -> Json:
    about = {"name": obj["metadata"]["name"], "namespace": "team-a", "generation": obj["metadata"]["generation"]}
    whole = {"apiVersion": "dagy.io/v1", "kind": kind, "metadata": about, "spec": obj["spec"]}
    return {**whole, "status": status} if status else whole


CASES = {"DepPackage": list(packages()), "FlowDeployment": list(deployments())}
