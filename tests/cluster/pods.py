"""Pods for tests: as restricted as Kubernetes' strictest policy wants them."""

from __future__ import annotations

from typing import Any

from .image_sources import BASE
from .kube import apply_objects, kubectl
from .layout import Layout


def claim(namespace: str, name: str) -> dict[str, Any]:
    """A PersistentVolumeClaim on the default StorageClass."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


def shell_pod(namespace: str, script: str, claim_name: str = "") -> dict[str, Any]:
    """A pod that runs a shell script as a user without rights; with a claim, its volume is at /data."""
    container: dict[str, Any] = {
        "name": "shell",
        "image": BASE.name,
        "imagePullPolicy": "Never",
        "command": ["bash", "-euc", script],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
    }
    if claim_name:
        container["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
        spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim_name}}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": namespace, "name": "shell"}, "spec": spec}


def output(layout: Layout, namespace: str, script: str, claim_name: str = "") -> str:
    """Run a script in a pod to its end; return its output. Raises ClusterError when it fails."""
    apply_objects(layout, [shell_pod(namespace, script, claim_name)])
    wait = ["wait", f"--namespace={namespace}", "--timeout=60s", "pod/shell"]
    kubectl(layout, *wait, "--for=jsonpath={.status.phase}=Succeeded")
    return kubectl(layout, "logs", f"--namespace={namespace}", "pod/shell")
