"""Where a package's objects lie in the bucket, beside those that the builder names itself. Pure."""

from __future__ import annotations


def package_prefix(prefix: str, namespace: str, slug: str) -> str:
    """Everything of one package: what deleting the package deletes. Ends with a slash."""
    return "/".join(part for part in (prefix.strip("/"), namespace, slug) if part) + "/"


def resolution_key(package: str, spec_hash: str) -> str:
    """The lock that was found for a spec."""
    return f"{package}resolutions/{spec_hash[:32]}.json"


def log_key(package: str, job: str) -> str:
    """The log of one Job."""
    return f"{package}logs/{job}.log"
