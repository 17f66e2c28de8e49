"""A build whose pod an administrator has placed, marked and walled in: every setting of build pods at once."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.e2e.conftest import changed_settings
from tests.e2e.kube import BUILDS, Kube, package

pytestmark = pytest.mark.e2e


def test_every_setting_of_build_pods_at_once(kube: Kube) -> None:
    name = f"e2e-{uuid.uuid4().hex[:6]}"
    node = kube.list("nodes")[0]["metadata"]["labels"]["kubernetes.io/hostname"]
    # The runtime that pods have anyway, under another name: which one it is, is not ours to test.
    runtime = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": "runc"}
    toleration = {"key": name, "operator": "Exists", "effect": "NoSchedule"}
    kube("create", "-f", "-", stdin=runtime)
    settings = {
        "DAGY_BUILD_NODE_SELECTOR": json.dumps({"kubernetes.io/hostname": node}),
        "DAGY_BUILD_TOLERATIONS": json.dumps([toleration]),
        "DAGY_BUILD_IMAGE_PULL_SECRETS": name,
        "DAGY_BUILD_LABELS": json.dumps({"team": name}),
        "DAGY_BUILD_ANNOTATIONS": json.dumps({"example.com/networks": f'["{name}"]'}),
        "DAGY_BUILD_PRIORITY_CLASS": "dagy-builds",
        "DAGY_BUILD_RUNTIME_CLASS": name,
    }
    try:
        with (
            changed_settings(kube, "dagy-operator", **settings),
            kube.recording("pods", BUILDS, "-l", f"team={name}") as pods,
        ):
            kube.apply(package("placed", "idna"))
            assert kube.wait("placed", "Ready")["status"]["phase"] == "COMPLETED"
    finally:
        kube("delete", "runtimeclass", name)
    assert len(pods.names()) == 2, "one for validation, one for the build"
    for pod in pods.objects():
        spec, annotations = pod["spec"], pod["metadata"]["annotations"]
        assert spec["nodeSelector"]["kubernetes.io/hostname"] == node
        assert toleration in spec["tolerations"]
        assert spec["imagePullSecrets"] == [{"name": name}]
        assert annotations["example.com/networks"] == f'["{name}"]'
        assert (spec["priorityClassName"], spec["runtimeClassName"]) == ("dagy-builds", name)
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            assert {"memory", "ephemeral-storage"} <= container["resources"]["limits"].keys()
