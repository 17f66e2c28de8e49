"""Packages that a pod asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagy.core.attach.pin import (
    Attachment,
    AttachRequest,
    Contents,
    Refusal,
    ResolvedPackage,
    conflicts,
    pin,
    wanted_packages,
)
from dagy.model.base import NamespacedName
from dagy.model.status import ArtifactStatus, DepPackageStatus, Phase
from tests.fakes.homes import home

A, B = "A1B2C3D4", "X9Y8Z7W6"
ONE, TWO, OLD = "1" * 64, "2" * 64, "0" * 64


def artifact(
    sha256: str = ONE, python: str = "3.12", architecture: str = "amd64", *, native: bool = True
) -> ArtifactStatus:
    """An artifact as status tells it; `native`: with compiled modules, for that architecture only."""
    return ArtifactStatus(
        uri=f"s3://b/{sha256[:8]}.zip", sha256=sha256, content_sha256=sha256, size_bytes=10, uncompressed_bytes=20, file_count=2,
        package_count=1, python_version=python, architecture=architecture, glibc="2.28", zip_importable=not native,
        lock_hash="3" * 64, lock_uri="s3://b/lock", built_at="2026-11-21T12:00:00Z",
    )  # fmt: skip


def candidate(
    slug: str = A,
    name: str = "ml",
    present: ArtifactStatus | None = None,
    phase: Phase | None = Phase.COMPLETED,
    **status: Any,
) -> ResolvedPackage:
    """A package of namespace team-a."""
    return ResolvedPackage(
        home(slug, NamespacedName("team-a", name)), DepPackageStatus(artifact=present, phase=phase, **status)
    )


def request(*wanted: str, **more: Any) -> AttachRequest:
    """A pod of namespace team-a that asks for these slugs or pins."""
    read = wanted_packages(",".join(wanted))
    assert isinstance(read, tuple), read
    return AttachRequest("team-a", read, **more)


ML, NLP = candidate(A, "ml", artifact(ONE)), candidate(B, "nlp", artifact(TWO))


def planned(
    request: AttachRequest,
    packages: Mapping[str, ResolvedPackage],
    contents: Mapping[str, Contents],
    *,
    only_current: bool = False,
) -> Attachment | Refusal:
    """Plan as `AttachLookup.plan` does, with given packages and contents."""
    pinned = pin(request, packages, only_current=only_current)
    return pinned if isinstance(pinned, Refusal) else conflicts(pinned.packages, contents) or pinned
