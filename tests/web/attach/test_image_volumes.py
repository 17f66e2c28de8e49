"""What a real API server makes of pods whose packages are mounted as images."""

from __future__ import annotations

import json

import pytest

from dagy.adapters.kube.cluster import ClusterFacts
from tests.fakes.webhook import World, pod
from tests.web.attach.test_webhook import IDNA, IMAGE, MOUNTED, copied, packages

pytestmark = pytest.mark.apiserver

__all__ = ["packages"]


def test_an_image_is_mounted_under_restricted_pod_security(packages: World) -> None:
    made, _ = packages.server.create(pod("image", MOUNTED))
    spec = made["spec"]
    assert "initContainers" not in spec
    assert spec["volumes"] == [
        {"name": "dagy-attach-aaaaaaa8", "image": {"reference": IMAGE, "pullPolicy": "IfNotPresent"}}
    ]
    (main,) = spec["containers"]
    mount = {"name": "dagy-attach-aaaaaaa8", "mountPath": f"/dagy/packages/{MOUNTED}", "readOnly": True}
    assert main["volumeMounts"] == [mount]
    (told,) = json.loads(made["metadata"]["annotations"]["dagy.io/attached"])["packages"]
    assert (told["by"], told["image"]) == ("ImageVolume", IMAGE)
    copy, _ = packages.server.create(copied(made))
    assert copy["spec"]["volumes"] == spec["volumes"], "what is attached is left alone"


def test_some_are_mounted_and_some_are_brought(packages: World) -> None:
    made, _ = packages.server.create(pod("both", f"{IDNA},{MOUNTED}"))
    (init,) = made["spec"]["initContainers"]
    order = json.loads(init["env"][0]["value"])
    assert ([item["slug"] for item in order["items"]], order["mount_points"]) == ([IDNA], [MOUNTED])
    assert [v["name"] for v in made["spec"]["volumes"]] == ["dagy-attach", "dagy-attach-token", "dagy-attach-aaaaaaa8"]


def test_the_webhooks_own_account_may_ask_what_nodes_can(packages: World) -> None:
    facts = ClusterFacts(packages.keeper._api)
    packages.replica.run(facts.look())
    assert facts.present.server
