"""A node without a kubelet, which takes one pod and then is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.e2e.kube import Json, Kube, eventually

NAME = "ghost"
_ROOM = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "110"}
_READY = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "It was, once."}


@contextmanager
def ghost_node(kube: Kube) -> Iterator[Callable[[str], None]]:
    """Pods go to the ghost until the given function has seen one of them, by labels, there; afterwards it is removed."""
    others = [node["metadata"]["name"] for node in kube.list("nodes") if not node["spec"].get("unschedulable")]
    try:
        kube("create", "-f", "-", stdin=_node())
        status = {"status": {"capacity": _ROOM, "allocatable": _ROOM, "conditions": [_READY]}}
        kube("patch", "node", NAME, "--subresource=status", "--type=merge", "--patch-file=/dev/stdin", stdin=status)
        eventually(lambda: not kube.get("node", NAME)["spec"].get("taints"), "the ghost takes pods")
        kube("cordon", *others)
        yield lambda selector: eventually(lambda: _is_bound(kube, selector), f"a pod {selector} is bound to the ghost")
    finally:
        kube("uncordon", *others)
        kube("delete", "node", NAME, "--ignore-not-found")


def _is_bound(kube: Kube, selector: str) -> bool:
    pods = kube.list("pods", "-A", "-l", selector)
    return any(pod["spec"].get("nodeName") == NAME for pod in pods)


def _node() -> Json:
    labels = {"kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "kubernetes.io/hostname": NAME}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME, "labels": labels}}
