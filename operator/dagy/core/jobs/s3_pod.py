"""The parts of a Job's pod that lead to S3. Pure.

Only the container that uploads has them, and it never runs package code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dagy.core.outcomes.facts import STEPS, JobKind
from dagy_builder.contract import Step

Manifest = dict[str, Any]
_FOLDER, _VOLUME = "/s3", "s3-credentials"


@dataclass(frozen=True)
class S3Settings:
    """What the administrator decides about the builds' way to S3."""

    secret: str
    """Secret in the build namespace whose keys become variables."""
    credentials: str
    """Secret there with a file of AWS credentials; it may be absent."""


def s3_volumes(kind: JobKind, settings: S3Settings) -> list[Manifest]:
    """The file of credentials, for Jobs that upload."""
    if Step.UPLOAD not in STEPS[kind]:
        return []
    secret = {"secretName": settings.credentials, "optional": True, "defaultMode": 0o440}
    return [{"name": _VOLUME, "secret": secret}]


def with_s3(container: Manifest, settings: S3Settings) -> Manifest:
    """The container `upload` with the way to S3, and any other as it is."""
    if container["name"] != Step.UPLOAD:
        return container
    return {
        **container,
        "envFrom": [{"secretRef": {"name": settings.secret}}],
        "env": [*container["env"], {"name": "AWS_SHARED_CREDENTIALS_FILE", "value": f"{_FOLDER}/credentials"}],
        "volumeMounts": [*container["volumeMounts"], {"name": _VOLUME, "mountPath": _FOLDER, "readOnly": True}],
    }
