"""Where a package's objects lie in the bucket, beside those that the builder names itself. Pure."""

from __future__ import annotations

import re

_SHA256 = re.compile("[0-9a-f]{64}$")


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


def sha256_of_flow_artifact(prefix: str, namespace: str, deployment: str, key: str) -> str | None:
    """The SHA-256 that a key of that deployment names; None for every other key."""
    sha256 = key.rpartition("/")[2].removesuffix(".zip")
    return sha256 if key == flow_artifact_key(prefix, namespace, deployment, sha256) and _SHA256.match(sha256) else None
