"""The way of DAGY into a cluster, and the words on the screen about its packages."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.cluster import deploy, s3, samples
from tests.cluster.current import Delivery, delivery, engine
from tests.cluster.layout import ClusterError

DEPLOYMENT = {
    "kind": "Deployment",
    "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "docker.io/dagy/operator:dev"}]}}},
}
SETTINGS = {"kind": "ConfigMap", "data": {"DAGY_BUILDER_IMAGE": "docker.io/dagy/builder:dev"}}


def test_a_new_image_under_the_old_name_changes_the_pods() -> None:
    [changed, settings] = deploy.with_images([DEPLOYMENT, SETTINGS], {"docker.io/dagy/operator:dev": "sha256:1"}, {})
    assert changed["spec"]["template"]["metadata"]["annotations"] == {deploy.DIGEST_ANNOTATION: "sha256:1"}
    assert settings == SETTINGS
    assert "metadata" not in DEPLOYMENT["spec"]["template"]  # type: ignore[index]


def test_images_get_the_names_that_the_cluster_knows() -> None:
    names = {
        "docker.io/dagy/operator:dev": "registry.example.com/dagy/operator:dev",
        "docker.io/dagy/builder:dev": "registry.example.com/dagy/builder:dev",
    }
    [changed, settings] = deploy.with_images([DEPLOYMENT, SETTINGS], {"docker.io/dagy/operator:dev": "sha256:1"}, names)
    template = changed["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == "registry.example.com/dagy/operator:dev"
    assert template["metadata"]["annotations"] == {deploy.DIGEST_ANNOTATION: "sha256:1"}
    assert settings["data"]["DAGY_BUILDER_IMAGE"] == "registry.example.com/dagy/builder:dev"


def test_the_webhook_is_open_to_the_api_server_alone() -> None:
    settings = {"kind": "ConfigMap", "metadata": {"name": "dagy-webhook"}, "data": {"A": "b"}}
    rule = {"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": "https"}]}
    policy = {"kind": "NetworkPolicy", "metadata": {"name": "dagy-webhook"}, "spec": {"ingress": [rule]}}
    networks = ["10.201.255.2/32", "10.201.0.1/32"]
    [told, closed] = deploy.with_api_server([settings, policy], networks)
    assert told["data"] == {"A": "b", "DAGY_WEBHOOK_CLIENTS": "10.201.255.2/32,10.201.0.1/32"}
    [only] = closed["spec"]["ingress"]
    assert only == {**rule, "from": [{"ipBlock": {"cidr": network}} for network in networks]}
    assert deploy.with_api_server([settings, policy], []) == [settings, policy]


def test_s3_env_is_what_a_shell_reads(tmp_path: Path) -> None:
    values = {"AWS_ENDPOINT_URL": "http://10.201.255.2:30070", "AWS_SECRET_ACCESS_KEY": "abc"}
    (tmp_path / "s3.env").write_text(s3.environment_file(values))
    out = subprocess.run(
        ["sh", "-c", 'set -a; . "$0"; env', str(tmp_path / "s3.env")],
        capture_output=True,
        text=True,
        check=True,
        env={},
    ).stdout
    assert {k: v for k, v in (line.split("=", 1) for line in out.splitlines()) if k in values} == values


@pytest.mark.parametrize(
    ("context", "registry", "expected"),
    [
        ("kind-test", "", Delivery(["kind", "load", "image-archive", "--name", "test"])),
        ("k3d-a-b", "", Delivery(["k3d", "image", "import", "--cluster", "a-b"])),
        ("minikube", "", Delivery(["minikube", "image", "load"])),
        ("kind-test", "registry.example.com/dagy/", Delivery([], "registry.example.com/dagy")),
        ("prod", "registry.example.com/dagy", Delivery([], "registry.example.com/dagy")),
    ],
)
def test_images_reach_a_cluster_by_its_own_tool_or_a_registry(context: str, registry: str, expected: Delivery) -> None:
    assert delivery(context, registry) == expected


def test_a_cluster_that_images_cannot_reach_says_what_to_do() -> None:
    with pytest.raises(ClusterError, match=r"make up CLUSTER=current REGISTRY="):
        delivery("prod", "")
    with pytest.raises(ClusterError, match="Neither docker nor podman"):
        engine(lambda _: None)
    assert engine(lambda name: "/usr/bin/podman" if name == "podman" else None) == "podman"


def package(status: dict[str, object], generation: int = 1) -> dict[str, object]:
    return {"metadata": {"name": "a", "generation": generation}, "status": status}


@pytest.mark.parametrize(
    ("condition", "settled"),
    [
        ({"type": "Settled", "status": "True", "observedGeneration": 2}, True),
        ({"type": "Settled", "status": "True", "observedGeneration": 1}, False),
        ({"type": "Settled", "status": "False", "observedGeneration": 2}, False),
        ({"type": "Ready", "status": "True", "observedGeneration": 2}, False),
    ],
)
def test_a_package_has_settled_when_that_is_said_of_its_present_generation(
    condition: dict[str, object], settled: bool
) -> None:
    assert samples.View.of(package({"conditions": [condition]}, generation=2)).settled is settled


def test_a_package_without_status_is_shown_too() -> None:
    assert samples.View.of({"metadata": {"name": "a", "generation": 1}}).line() == "  a              -        -"
