"""What an administrator adds to the pods of Jobs: where they run, what is said of them, what keeps them apart. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Manifest = dict[str, Any]


@dataclass(frozen=True)
class BuildPods:
    """Additions to the pods of Jobs. What the operator itself sets is never replaced."""

    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Manifest, ...] = ()
    """As in a pod's spec."""
    image_pull_secrets: tuple[str, ...] = ()
    """Names of Secrets in the build namespace."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    priority_class: str = ""
    runtime_class: str = ""
    user_namespace: bool = False
    """Whether the users of a pod are others than the node's, root included."""


def pod_fields(pods: BuildPods) -> Manifest:
    """Their fields of the pod's spec."""
    wanted: Manifest = {
        "nodeSelector": {**pods.node_selector, "kubernetes.io/os": "linux"},
        "tolerations": list(pods.tolerations),
        "imagePullSecrets": [{"name": name} for name in pods.image_pull_secrets],
        "priorityClassName": pods.priority_class,
        "runtimeClassName": pods.runtime_class,
    }
    fields = {name: value for name, value in wanted.items() if value}
    return {**fields, "hostUsers": False} if pods.user_namespace else fields
