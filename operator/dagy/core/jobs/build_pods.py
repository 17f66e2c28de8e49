"""Additions of an administrator to the pods of Jobs: their nodes, their isolation, their way to S3. Pure.

Only the container that uploads has a way to S3, and it never runs package code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dagy.core.outcomes.facts import STEPS
from dagy.model.status import JobKind
from dagy_builder.contract import CONFIG_VARIABLE, Step

Manifest = dict[str, Any]


@dataclass(frozen=True)
class BuildPods:
    """Additions to the pods of Jobs. They never replace the operator's own settings."""

    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Manifest, ...] = ()
    """The fields as in a pod's spec."""
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
_OCI_FOLDER, _OCI_VOLUME, _OCI_FILE = "/oci", "oci-credentials", "config.json"


@dataclass(frozen=True)
class RegistrySettings:
    """The administrator's settings for the builds' way to the registry."""

    base: str = ""
    """HOST[:PORT]/PATH below which images are pushed; no images when empty."""
    secret: str = ""
    """Secret in the build namespace with a docker config; it may be absent."""
    plain_http: bool = False

    @property
    def has_login(self) -> bool:
        """True where `upload` gets a docker config."""
        return bool(self.base and self.secret)


def registry_volumes(kind: JobKind, settings: RegistrySettings) -> list[Manifest]:
    """Return the docker config, for Jobs that push an image."""
    if Step.UPLOAD not in STEPS[kind] or not settings.has_login:
        return []
    items = [{"key": ".dockerconfigjson", "path": _OCI_FILE}]
    secret = {"secretName": settings.secret, "items": items, "optional": True, "defaultMode": 0o440}
    return [{"name": _OCI_VOLUME, "secret": secret}]


def with_registry(container: Manifest, settings: RegistrySettings) -> Manifest:
    """Return the container `upload` with the way to the registry, and any other as it is."""
    if container["name"] != Step.UPLOAD or not settings.has_login:
        return container
    return {
        **container,
        "env": [*container["env"], {"name": CONFIG_VARIABLE, "value": f"{_OCI_FOLDER}/{_OCI_FILE}"}],
        "volumeMounts": [*container["volumeMounts"], {"name": _OCI_VOLUME, "mountPath": _OCI_FOLDER, "readOnly": True}],
    }


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
