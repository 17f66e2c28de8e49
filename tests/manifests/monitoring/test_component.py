"""The component as kustomize builds it with the base, and what a real API server says of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests.conftest import Account

pytestmark = pytest.mark.apiserver

MANIFESTS = Path(__file__).parents[3] / "manifests"
OVERLAY = """
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../manifests/base]
components: [../manifests/components/monitoring]
"""


def monitored(folder: Path) -> Path:
    """An overlay of the base and the component, in that folder."""
    (folder / "manifests").symlink_to(MANIFESTS)
    (folder / "crds").symlink_to(MANIFESTS.parent / "crds")
    (folder / "overlay").mkdir()
    (folder / "overlay/kustomization.yaml").write_text(OVERLAY)
    return folder / "overlay"


@pytest.fixture(scope="module")
def built(admin: Account, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """All objects of the base with the component."""
    said = admin("kustomize", str(monitored(tmp_path_factory.mktemp("monitored"))))
    assert not said.startswith("refused"), said
    return list(yaml.safe_load_all(said))


def one(built: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = [obj for obj in built if (obj["kind"], obj["metadata"]["name"]) == (kind, name)]
    return found


def test_the_api_server_takes_policy_and_dashboard(admin: Account, built: list[dict[str, Any]]) -> None:
    for kind, name in (("NetworkPolicy", "dagy-metrics"), ("ConfigMap", "dagy-dashboard")):
        said = admin("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=one(built, kind, name))
        assert not said.startswith("refused"), said
    dashboard = one(built, "ConfigMap", "dagy-dashboard")
    assert json.loads(dashboard["data"]["dagy.json"])["title"] == "DAGY"
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_only_prometheus_is_let_in_and_only_to_the_metrics(built: list[dict[str, Any]]) -> None:
    (rule,) = one(built, "NetworkPolicy", "dagy-metrics")["spec"]["ingress"]
    (peer,) = rule["from"]
    assert set(peer) == {"namespaceSelector", "podSelector"}
    assert rule["ports"] == [{"protocol": "TCP", "port": "metrics"}]
    # Every other policy of the namespace leaves that port closed.
    for obj in built:
        if obj["kind"] != "NetworkPolicy" or obj["metadata"]["name"] == "dagy-metrics":
            continue
        ports = [
            port.get("port") for allowed in obj["spec"].get("ingress") or [] for port in allowed.get("ports") or []
        ]
        assert not {"metrics", 9464} & set(ports)


def test_no_service_leads_to_metrics(built: list[dict[str, Any]]) -> None:
    services = [obj for obj in built if obj["kind"] == "Service"]
    assert services
    assert "metrics" not in {port.get("targetPort") for service in services for port in service["spec"]["ports"]}
