"""The walls in the manifests: networks, limits, pod security. What linters of manifests ask for, as rules of our own."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

import pytest
import yaml

MANIFESTS = Path(__file__).parents[2] / "manifests"
Json = dict[str, Any]
FILES = [*sorted((MANIFESTS / "base").glob("*.yaml")), MANIFESTS / "overlays/dev/s3.yaml"]
OBJECTS: list[Json] = [d for file in FILES for d in yaml.safe_load_all(file.read_text()) if d and "kind" in d]
NAMESPACES = ["dagy-system", "dagy-builds", "dagy-s3"]
# IANA's registries of special-purpose addresses: what is not globally reachable or leads back to other addresses. Without those
# for documentation, which nobody's services have, and which some networks give to their gateways.
NOT_PUBLIC = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "::ffff:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2002::/16",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
]
PUBLIC = ["1.1.1.1", "151.101.0.223", "2606:4700::1111", "2a04:4e42::223"]


def of_kind(kind: str, namespace: str | None = None) -> Iterator[Json]:
    for one in OBJECTS:
        if one["kind"] == kind and namespace in (None, one["metadata"].get("namespace")):
            yield one


def blocks() -> list[tuple[Any, list[Any]]]:
    (policy,) = of_kind("NetworkPolicy", "dagy-builds")
    found = [peer["ipBlock"] for rule in policy["spec"]["egress"] for peer in rule["to"] if "ipBlock" in peer]
    return [(ipaddress.ip_network(b["cidr"]), [ipaddress.ip_network(e) for e in b.get("except", [])]) for b in found]


def inside(part: Any, whole: Any) -> bool:
    return part.version == whole.version and part.subnet_of(whole)


@pytest.mark.parametrize("network", NOT_PUBLIC)
def test_builds_reach_no_address_that_is_not_public(network: str) -> None:
    closed: IPv4Network | IPv6Network = ipaddress.ip_network(network)
    for whole, exceptions in blocks():
        overlaps = whole.version == closed.version and whole.overlaps(closed)
        assert not overlaps or any(inside(closed, exception) for exception in exceptions)


@pytest.mark.parametrize("address", PUBLIC)
def test_builds_reach_the_internet(address: str) -> None:
    one = ipaddress.ip_network(address)
    assert any(
        inside(one, whole) and not any(inside(one, exception) for exception in exceptions)
        for whole, exceptions in blocks()
    )


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_nothing_is_open_that_no_policy_opens(namespace: str) -> None:
    everything = [
        p["spec"]
        for p in of_kind("NetworkPolicy", namespace)
        if not p["spec"]["podSelector"] and set(p["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    ]
    assert everything, "there is no policy for all pods of the namespace"


def test_only_what_serves_others_is_reached_from_outside() -> None:
    opened = {
        p["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/name"]
        for p in of_kind("NetworkPolicy", "dagy-system")
        if p["spec"].get("ingress")
    }
    served = {s["spec"]["selector"]["app.kubernetes.io/name"] for s in of_kind("Service", "dagy-system")}
    assert opened == served


def containers() -> Iterator[tuple[str, Json, Json]]:
    for deployment in of_kind("Deployment", "dagy-system"):
        pod = deployment["spec"]["template"]["spec"]
        for container in pod["containers"]:
            yield f"{deployment['metadata']['name']}/{container['name']}", pod, container


@pytest.mark.parametrize(("pod", "container"), [c[1:] for c in containers()], ids=[c[0] for c in containers()])
def test_the_control_plane_has_bounds(pod: Json, container: Json) -> None:
    resources = container["resources"]
    assert resources["requests"].keys() >= {"cpu", "memory", "ephemeral-storage"}
    assert resources["limits"].keys() >= {"cpu", "memory", "ephemeral-storage"}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["priorityClassName"] in {p["metadata"]["name"] for p in of_kind("PriorityClass")}
    assert all("sizeLimit" in v["emptyDir"] for v in pod["volumes"] if "emptyDir" in v)


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_restricted_pod_security_is_pinned(namespace: str) -> None:
    (labels,) = (n["metadata"]["labels"] for n in of_kind("Namespace") if n["metadata"]["name"] == namespace)
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels["pod-security.kubernetes.io/enforce-version"].startswith("v1.")


def test_builds_have_a_wall_of_their_own() -> None:
    assert list(of_kind("ResourceQuota", "dagy-builds"))
    (limits,) = of_kind("LimitRange", "dagy-builds")
    (container,) = limits["spec"]["limits"]
    assert {"memory", "ephemeral-storage"} <= container["max"].keys()
    # Kubernetes takes an absent default for the largest that may be, and no node has room for that.
    assert container["max"].keys() == container["defaultRequest"].keys()
    (settings,) = (c["data"] for c in of_kind("ConfigMap") if c["metadata"]["name"] == "dagy-operator")
    assert settings["DAGY_BUILD_PRIORITY_CLASS"] in {p["metadata"]["name"] for p in of_kind("PriorityClass")}


def test_the_api_reaches_an_index_by_https_and_one_inside_the_cluster() -> None:
    """By what the policy for all pods of the control plane opens anyway, and by nothing else."""
    rules = [
        rule
        for policy in of_kind("NetworkPolicy", "dagy-system")
        for rule in policy["spec"].get("egress", ())
        if policy["spec"]["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/name") in (None, "dagy-api")
    ]
    anywhere = {port["port"] for rule in rules if "to" not in rule for port in rule["ports"]}
    assert anywhere == {53, 443, 6443}
    inside = [rule["to"] for rule in rules if "to" in rule]
    assert inside == [[{"namespaceSelector": {"matchLabels": {"dagy.io/builds-may-reach": "true"}}}]]


def test_the_api_alone_sees_the_credentials_of_the_index() -> None:
    mounts = {
        deployment["metadata"]["name"]: [
            volume["secret"] for volume in deployment["spec"]["template"]["spec"]["volumes"] if "secret" in volume
        ]
        for deployment in of_kind("Deployment", "dagy-system")
    }
    has_them = {name for name, secrets in mounts.items() if {"secretName": "dagy-index", "optional": True} in secrets}
    assert has_them == {"dagy-api"}
