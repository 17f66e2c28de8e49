"""What Flux, Helm and `kubectl apply --wait` conclude from a status: kstatus' rules, on each status of a life."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.facts import USER, package
from tests.fakes.worlds import World


def kstatus(status: dict[str, Any], generation: int) -> str:
    """The result of sigs.k8s.io/cli-utils/pkg/kstatus for a custom resource (its `Compute`)."""
    true = {c["type"]: c["status"] for c in status.get("conditions", [])}
    if status.get("observedGeneration", generation) != generation:
        return "InProgress"
    if true.get("Stalled") == "True":
        return "Failed"
    if true.get("Reconciling") == "True" or true.get("Ready", "True") != "True":
        return "InProgress"
    return "Current"


def ends(world: World) -> str:
    """The result once nothing more happens."""
    world.run()
    return kstatus(world.status.to_json(), world.package["metadata"]["generation"])


def test_a_package_is_in_progress_until_it_is_completed() -> None:
    world, seen = World(package()), []
    while not seen or seen[-1] != "Current":
        world.look()
        seen.append(kstatus(world.status.to_json(), 1))
        world.advance()
    assert set(seen) == {"InProgress", "Current"}
    assert world.status.phase == "COMPLETED"


@pytest.mark.parametrize("spec", [{"buildPolicy": "Manual"}, {"suspend": True}], ids=["saved", "suspended"])
def test_what_nobody_has_asked_for_is_not_waited_for(spec: dict[str, Any]) -> None:
    world = World(package(**spec))
    assert ends(world) == "Current"
    assert {c.type for c in world.status.conditions} == {"Validated", "Settled", "Reconciling", "Stalled"}


def test_a_list_that_is_valid_and_to_be_built_by_hand_is_not_waited_for() -> None:
    world = World(package(buildPolicy="Manual"))
    world.package["metadata"]["annotations"] = {"dagy.io/validate": "1"}
    assert (ends(world), world.status.phase) == ("Current", "VALID")
    world.package["metadata"]["annotations"]["dagy.io/build"] = "1"
    assert (ends(world), world.status.phase) == ("Current", "COMPLETED")


def test_a_failure_is_one_at_once() -> None:
    world = World(package())
    world.run(USER)
    assert kstatus(world.status.to_json(), 1) == "Failed"
