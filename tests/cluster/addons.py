"""Add-ons for a plain control plane: names, volumes, and the API server's right to read logs from the kubelet."""

from __future__ import annotations

import json
import shutil
from typing import Any

from .components import DNS_PORT
from .kube import apply_objects, kubectl
from .layout import NODE_NAME, Addresses, Layout
from .node_init import STATE

VOLUMES = 8
"""Persistent volumes, made beforehand: a claim takes a whole one, and `make up` empties those that were released."""

VOLUME_SIZE = "20Gi"
STORAGE_CLASS = "standard"


def apply(layout: Layout, addresses: Addresses) -> None:
    """Create or correct the add-ons. Raises ClusterError when the API server refuses them."""
    _empty_released(layout)
    for number in range(1, VOLUMES + 1):
        folder = layout.volumes / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)
    apply_objects(layout, manifests(addresses))


def _empty_released(layout: Layout) -> None:
    for volume in json.loads(kubectl(layout, "get", "persistentvolumes", "-o", "json"))["items"]:
        name = volume["metadata"]["name"]
        if volume["status"]["phase"] == "Released" and name.startswith("local-"):
            shutil.rmtree(layout.volumes / name.removeprefix("local-"), ignore_errors=True)
            kubectl(layout, "delete", "persistentvolume", name)


def manifests(addresses: Addresses) -> list[dict[str, Any]]:
    """The add-ons as objects."""
    return [
        _binding("apiserver-kubelet", "system:kubelet-api-admin", "kube-apiserver-kubelet-client"),
        _dns_role(),
        _binding("system:coredns", "system:coredns", "system:coredns"),
        *_dns(addresses),
        _policies_role(),
        _binding("system:kube-router", "system:kube-router", "system:kube-router"),
        _storage_class(),
        *(_volume(n) for n in range(1, VOLUMES + 1)),
    ]


def _binding(name: str, role: str, user: str) -> dict[str, Any]:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
    }


def _dns_role() -> dict[str, Any]:
    watch = ["list", "watch"]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "system:coredns"},
        "rules": [
            {"apiGroups": [""], "resources": ["services", "namespaces", "pods"], "verbs": watch},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": watch},
        ],
    }


def _policies_role() -> dict[str, Any]:
    """The role of the enforcer of NetworkPolicies: the objects that it reads."""
    read = ["get", "list", "watch"]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "system:kube-router"},
        "rules": [
            {"apiGroups": [""], "resources": ["pods", "nodes", "namespaces", "services", "endpoints"], "verbs": read},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": read},
            {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": read},
        ],
    }


def dns_policy(addresses: Addresses, namespace: str) -> dict[str, Any]:
    """A NetworkPolicy by which pods that may reach pods only also reach the name server, which runs on the host."""
    ports = [{"protocol": protocol, "port": DNS_PORT} for protocol in ("UDP", "TCP")]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "names", "namespace": namespace},
        "spec": {
            "podSelector": {},
            "policyTypes": ["Egress"],
            "egress": [{"to": [{"ipBlock": {"cidr": f"{addresses.host_ip}/32"}}], "ports": ports}],
        },
    }


def _dns(addresses: Addresses) -> list[dict[str, Any]]:
    ports = [(protocol.lower(), protocol) for protocol in ("UDP", "TCP")]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system"},
        "spec": {
            "clusterIP": addresses.dns_service_ip,
            "ports": [{"name": n, "protocol": p, "port": 53, "targetPort": DNS_PORT} for n, p in ports],
        },
    }
    # No selector: CoreDNS runs beside the node's other components, at the host's end of the link.
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kube-dns",
            "namespace": "kube-system",
            "labels": {"kubernetes.io/service-name": "kube-dns"},
        },
        "addressType": "IPv4",
        "ports": [{"name": n, "protocol": p, "port": DNS_PORT} for n, p in ports],
        "endpoints": [{"addresses": [addresses.host_ip], "conditions": {"ready": True}}],
    }
    return [service, endpoints]


def _storage_class() -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def _volume(number: int) -> dict[str, Any]:
    here = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE_NAME]}]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"local-{number}"},
        "spec": {
            "capacity": {"storage": VOLUME_SIZE},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": STORAGE_CLASS,
            "persistentVolumeReclaimPolicy": "Retain",
            # `local`, because unlike hostPath it honours a pod's fsGroup.
            "local": {"path": str(STATE / "volumes" / str(number))},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [here]}},
        },
    }
