"""Taking over the artifact that another package of the namespace has of the same lock. Pure.

Status of the other package only names the place; S3 tells the object that is copied, and that it is whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dagy.core.package.plan import BuildPlan
from dagy.model.spec import Bytecode, Compression, SourceDistributions
from dagy_builder.keys import artifact_prefix

_MOST_SOURCES = 3  # when none of the latest is whole, it is better to build


@dataclass(frozen=True)
class Source:
    """A package of the same namespace."""

    name: str
    slug: str
    """The artifact by its status: that it is the package's own is checked before anything is read."""
    uid: str = ""


def is_allowed(plan: BuildPlan, *, asked: bool) -> bool:
    """Return True when a copy is as good as a build.

    It is not when the build itself is asked for. Nor is it when package code may run: the result depends on more than
    the lock then, and each package answers for its own code.
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


def relocated(uris: Mapping[str, str], zip_uri: str, *, old_record: str, new_record: str) -> dict[str, str] | None:
    """Return an artifact's URIs as those of a copy whose ZIP lies at `zip_uri`; None when one lies not beside it."""
    old, new = artifact_prefix(uris["uri"]), artifact_prefix(zip_uri)
    moved = {}
    for name, uri in uris.items():
        if uri == old_record:
            moved[name] = new_record
        elif uri.startswith(old):
            moved[name] = new + uri.removeprefix(old)
        else:
            return None
    return moved


def _build(artifact: Mapping[str, Any]) -> tuple[Any, ...]:
    target = artifact.get("pythonVersion"), artifact.get("architecture"), artifact.get("glibc")
    return *target, artifact.get("compression", Compression.FAST), artifact.get("bytecode") == Bytecode.INCLUDE


def _build_of(plan: BuildPlan) -> tuple[Any, ...]:
    wanted = plan.request()
    return wanted.python_version, wanted.architecture, wanted.glibc, wanted.compression, wanted.has_bytecode
