"""Who waits for what will never come holds up nobody, and not for ever."""

from __future__ import annotations

import uuid

import pytest

from tests.e2e.conftest import changed_settings
from tests.e2e.kube import Kube, condition, package

pytestmark = pytest.mark.e2e


def test_packages_that_no_node_takes_hold_up_nobody_else(kube: Kube, admin: Kube) -> None:
    other = Kube(admin.kubectl, admin.kubeconfig, f"e2e-{uuid.uuid4().hex[:8]}")
    other("create", "namespace", other.namespace)
    stuck = {"timeoutSeconds": 30, "retries": 0, "resources": {"requests": {"cpu": "1900"}}}
    limits = {"DAGY_MAX_VALIDATIONS_PER_NAMESPACE": "0", "DAGY_MAX_BUILDS_PER_NAMESPACE": "0"}
    try:
        with changed_settings(admin, "dagy-operator", DAGY_MAX_CPU="2000", **limits):
            kube.apply(*(package(f"stuck-{number}", "six", f"idna>3.{number}", build=stuck) for number in range(2)))
            kube.until("stuck-0", lambda dp: "no node can take the pod" in dp.get("status", {}).get("message", ""))
            other.apply(package("small", "idna"))
            assert other.wait("small", "Ready")["status"]["phase"] == "COMPLETED"
            for number in range(2):
                ended = kube.wait(f"stuck-{number}", seconds=600)
                assert (ended["status"]["phase"], condition(ended, "Ready")["reason"]) == ("FAILED", "PodNotScheduled")
                assert "Insufficient cpu" in ended["status"]["message"]
                assert "Lower spec.build.resources" in ended["status"]["message"]
    finally:
        other("delete", "namespace", other.namespace, "--wait=false")


def test_more_than_the_administrator_allows_is_refused_at_once(kube: Kube) -> None:
    kube.apply(package("greedy", "six", build={"resources": {"requests": {"cpu": "900"}}}))
    refused = kube.wait("greedy")
    assert (refused["status"]["phase"], condition(refused, "Ready")["reason"]) == ("FAILED", "ResourcesNotAllowed")
    assert "the administrator allows 16 at most" in refused["status"]["message"]
