"""What an administrator adds to the pods of Jobs: where they run, what keeps them apart, what leads to S3. Pure.

Only the container that uploads has a way to S3, and it never runs package code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dagy.core.outcomes.facts import STEPS, JobKind
from dagy_builder.contract import Step

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
    """True when the users of a pod are others than the node's, root included."""


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


_FOLDER, _VOLUME = "/s3", "s3-credentials"


@dataclass(frozen=True)
class S3Settings:
    """The administrator's settings for the builds' way to S3."""

    secret: str
    """Secret in the build namespace whose keys become variables."""
    credentials: str
    """Secret there with a file of AWS credentials; it may be absent."""


def s3_volumes(kind: JobKind, settings: S3Settings) -> list[Manifest]:
    """Return the file of credentials, for Jobs that upload."""
    if Step.UPLOAD not in STEPS[kind]:
        return []
    secret = {"secretName": settings.credentials, "optional": True, "defaultMode": 0o440}
    return [{"name": _VOLUME, "secret": secret}]


def with_s3(container: Manifest, settings: S3Settings) -> Manifest:
    """Return the container `upload` with the way to S3, and any other as it is."""
    if container["name"] != Step.UPLOAD:
        return container
    return {
        **container,
        "envFrom": [{"secretRef": {"name": settings.secret}}],
        "env": [*container["env"], {"name": "AWS_SHARED_CREDENTIALS_FILE", "value": f"{_FOLDER}/credentials"}],
        "volumeMounts": [*container["volumeMounts"], {"name": _VOLUME, "mountPath": _FOLDER, "readOnly": True}],
    }
