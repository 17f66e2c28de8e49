"""Taking over the artifact that another package of the namespace has of the same lock. Pure.

Status of the other package only says where to look; what is copied, and that it is whole, S3 tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dagy.core.package.plan import BuildPlan
from dagy.model.spec import Compression, SourceDistributions
from dagy_builder.contract import Artifact
from dagy_builder.keys import artifact_prefix

_MOST_SOURCES = 3  # whoever finds none of the latest whole does better to build


@dataclass(frozen=True)
class Source:
    """A package of the same namespace."""

    name: str
    slug: str
    """As its status says: whether it is its own is asked before anything is read."""
    uid: str = ""


def is_allowed(plan: BuildPlan, *, asked: bool) -> bool:
    """Return whether a copy is as good as a build.

    Not when the build itself is asked for. And not when package code may run: what comes out of it depends on more
    than the lock, and each package answers for its own code.
    """
    return not asked and plan.spec.source_distributions is SourceDistributions.FORBID


def sources_in(packages: Iterable[Mapping[str, Any]], plan: BuildPlan, lock_hash: str) -> tuple[Source, ...]:
    """Return the packages that say they have such an artifact of the lock as the plan wants, the latest built first."""
    found: list[tuple[str, Source]] = []
    for package in packages:
        metadata, status = package["metadata"], package.get("status") or {}
        if metadata["uid"] == plan.uid or "deletionTimestamp" in metadata or not status.get("slug"):
            continue
        for artifact in filter(None, [status.get("artifact"), *(status.get("history") or [])]):
            if artifact.get("lockHash") == lock_hash and _build(artifact) == _build_of(plan):
                source = Source(metadata["name"], str(status["slug"]), metadata["uid"])
                found.append((str(artifact.get("builtAt", "")), source))
    ordered = sorted(found, key=lambda one: (one[0], one[1].name), reverse=True)
    return tuple(dict.fromkeys(source for _, source in ordered))[:_MOST_SOURCES]


def relocated(artifact: Artifact, zip_uri: str, *, old_record: str, new_record: str) -> Artifact | None:
    """The artifact as a copy whose ZIP lies at `zip_uri`; None when one of its URIs does not lie beside its ZIP."""
    values = artifact.to_json()
    old, new = artifact_prefix(artifact.uri), artifact_prefix(zip_uri)
    for name, uri in values.items():
        if not name.lower().endswith("uri"):
            continue
        if uri == old_record:
            values[name] = new_record
        elif uri.startswith(old):
            values[name] = new + uri.removeprefix(old)
        else:
            return None
    return Artifact.from_json(values)


def _build(artifact: Mapping[str, Any]) -> tuple[Any, ...]:
    compression = artifact.get("compression", Compression.FAST)
    return artifact.get("pythonVersion"), artifact.get("architecture"), artifact.get("glibc"), compression


def _build_of(plan: BuildPlan) -> tuple[Any, ...]:
    platform, compression = plan.platform, plan.options.compression
    return plan.spec.python_version, platform.architecture, platform.glibc, compression
