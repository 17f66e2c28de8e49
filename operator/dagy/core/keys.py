"""Where a package's objects lie in the bucket, beside those that the builder names itself. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LABEL = re.compile("[a-z0-9]([a-z0-9-]*[a-z0-9])?")  # RFC 1123
_FLOW_FILE = re.compile(r"[0-9a-f]{64}\.zip")


def package_prefix(prefix: str, namespace: str, slug: str) -> str:
    """Everything of one package: what deleting the package deletes. Ends with a slash."""
    return "/".join(part for part in (prefix.strip("/"), namespace, slug) if part) + "/"


def resolution_key(package: str, spec_hash: str) -> str:
    """The lock that was found for a spec."""
    return f"{package}resolutions/{spec_hash[:32]}.json"


def log_key(package: str, job: str) -> str:
    """The log of one Job."""
    return f"{package}logs/{job}.log"


def flows_prefix(prefix: str, namespace: str) -> str:
    """The code of all flow deployments of a namespace. No slug is spelled like that: they are upper case."""
    return package_prefix(prefix, namespace, "flows")


def flow_prefix(prefix: str, namespace: str, deployment: str) -> str:
    """What was uploaded for one flow deployment. Ends with a slash."""
    return f"{flows_prefix(prefix, namespace)}{deployment}/"


def flow_artifact_key(prefix: str, namespace: str, deployment: str, sha256: str) -> str:
    """A flow's own code."""
    return f"{flow_prefix(prefix, namespace, deployment)}{sha256}.zip"


@dataclass(frozen=True)
class FlowArtifactKey:
    """What the key of a flow's code says."""

    namespace: str
    deployment: str
    sha256: str


def flow_artifact_in(prefix: str, key: str) -> FlowArtifactKey | None:
    """Whose code lies at a key; None for a key that `flow_artifact_key` did not make."""
    parts = key.rsplit("/", 4)[-4:]
    forms = (_LABEL, re.compile("flows"), _LABEL, _FLOW_FILE)
    if len(parts) != 4 or not all(form.fullmatch(part) for form, part in zip(forms, parts, strict=True)):
        return None
    found = FlowArtifactKey(parts[0], parts[2], parts[3].removesuffix(".zip"))
    return found if key == flow_artifact_key(prefix, found.namespace, found.deployment, found.sha256) else None
