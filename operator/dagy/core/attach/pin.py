"""Choice of a pod's packages, or its refusal: the rules for webhook, API and FlowDeployments alike. Pure.

`request_of_pod` or an `AttachRequest` of one's own tells the packages that are wanted, `packages` the cluster's records
of the slugs; `pin` chooses the artifacts, `conflicts` compares their contents. `AttachLookup.plan` is the whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Self

from dagy.core.attach import refusals
from dagy.core.attach.refusals import AttachReason, Refusal
from dagy.core.attach.request import AttachRequest, Flow, ImageFact, PackageRef, request_of_pod, wanted_packages
from dagy.core.common.commands import request_build
from dagy.core.common.keys import PackageHome
from dagy.core.package.status_cache import trusted_status
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy.model.status import ArtifactStatus, ConditionType, DepPackageStatus, Phase

__all__ = [
    "AttachReason",
    "AttachRequest",
    "Attachment",
    "Contents",
    "Flow",
    "ImageFact",
    "PackageRef",
    "Pinned",
    "Refusal",
    "ResolvedPackage",
    "conflicts",
    "pin",
    "request_of_pod",
    "wanted_packages",
]


@dataclass(frozen=True)
class ResolvedPackage:
    """The cluster's record of a slug that the pod may use."""

    home: PackageHome
    status: DepPackageStatus
    changed: bool = False
    """True when its spec was changed since the operator last looked at it: the status speaks of an earlier one."""

    @classmethod
    def from_object(cls, home: PackageHome, package: Mapping[str, Any]) -> Self:
        """Read a DepPackage as the API server gives it."""
        status = trusted_status(package, home)
        return cls(home, status, changed=status.observed_generation != package["metadata"].get("generation"))

    @property
    def slug(self) -> str:
        """The slug."""
        return self.home.slug

    @property
    def key(self) -> NamespacedName:
        """The package."""
        return self.home.owned.key

    @property
    def label(self) -> str:
        """Its name in sentences."""
        return f"{self.key} ({self.slug})"


@dataclass(frozen=True)
class Pinned:
    """One package with the artifact that is used, which never changes."""

    home: PackageHome
    artifact: ArtifactStatus

    @property
    def slug(self) -> str:
        """The slug."""
        return self.home.slug

    @property
    def key(self) -> NamespacedName:
        """The package."""
        return self.home.owned.key

    @property
    def label(self) -> str:
        """Its name in sentences."""
        return f"{self.key} ({self.slug})"

    @property
    def pin(self) -> str:
        """The form in which an annotation names exactly this artifact."""
        return f"{self.slug}@{self.artifact.sha256}"

    @property
    def native(self) -> bool:
        """True when it may have modules for one architecture only; a package that is importable as a ZIP has none."""
        return not self.artifact.zip_importable


@dataclass(frozen=True)
class Contents:
    """The contents of an artifact, as far as they are compared with those of others that are attached with it."""

    versions: Mapping[str, str]
    """Distribution (normalized) to version."""
    files: Mapping[str, str]
    """Path to a hash of its content, at least where another one's differs."""
    cut: bool = False
    """True when more paths differ than are told."""


@dataclass(frozen=True)
class Attachment:
    """The packages that are attached, in order of precedence, and warnings for whoever asked."""

    packages: tuple[Pinned, ...]
    warnings: tuple[str, ...] = field(default=())
    flow: Flow | None = None

    @property
    def architecture(self) -> str | None:
        """The CPU that the pod's node must have; None when any will do."""
        return next((p.artifact.architecture for p in self.packages if p.native), None)


def pin(
    request: AttachRequest, packages: Mapping[str, ResolvedPackage], *, only_current: bool = False
) -> Attachment | Refusal:
    """Return the artifacts, checked against the pod but not yet against each other's files.

    `packages` by slug: those that exist and that the pod may use. With `only_current` (a deployment by a person) a
    package must be COMPLETED now, as its present spec says. Without (a pod, which may be a replacement of one that ran
    for months) its last good artifact is used while it is built anew, with a warning.
    """
    if len(request.wanted) > names.MAX_ATTACHED_PACKAGES:
        return refusals.too_many(len(request.wanted))
    unknown = [wanted.slug for wanted in request.wanted if wanted.slug not in packages]
    if unknown:
        return refusals.unknown_slugs(unknown, request.namespace, request.service_account)
    pinned: list[Pinned] = []
    warnings: list[str] = []
    for wanted in request.wanted:
        candidate = packages[wanted.slug]
        found = _artifact(candidate, wanted, only_current=only_current)
        if isinstance(found, Refusal):
            return found
        pinned.append(Pinned(candidate.home, found))
        if wanted.sha256 is None and candidate.status.phase != Phase.COMPLETED:
            warnings.append(_stale(candidate, found))
    return _incompatible_with_pod(request, pinned) or Attachment(tuple(pinned), tuple(warnings), request.flow)


def conflicts(pinned: Sequence[Pinned], contents: Mapping[str, Contents]) -> Refusal | None:
    """Return the refusal of two versions of one distribution, or two contents of one path; the same twice is fine."""
    if len(pinned) < 2:
        return None
    for package in pinned:
        if package.artifact.sha256 not in contents:
            return refusals.contents_unknown(package.label, request_build(package.key))
    pairs = list(combinations(pinned, 2))
    for compare in (_versions_conflict, _files_conflict):  # versions first: they explain most of the files
        for first, second in pairs:
            found = compare(first, contents[first.artifact.sha256], second, contents[second.artifact.sha256])
            if found:
                return found
    return None


def _artifact(candidate: ResolvedPackage, wanted: PackageRef, *, only_current: bool) -> ArtifactStatus | Refusal:
    status = candidate.status
    present = status.artifact
    if wanted.sha256 is not None:
        kept = [artifact for artifact in (present, *status.history) if artifact and artifact.sha256 == wanted.sha256]
        if kept:
            return kept[0]
        if status.lost and status.lost.rebuilt_at is None and status.lost.sha256 == wanted.sha256:
            return refusals.artifact_lost(candidate.label, status.lost.uri, status.message)
        return refusals.artifact_gone(candidate.label, wanted.sha256, present.sha256 if present else None)
    if present and not only_current:
        return present
    wait = f"kubectl -n {candidate.key.namespace} wait --for=condition=Ready deppackage/{candidate.key.name}"
    if candidate.changed:
        return refusals.changed_since(candidate.label, wait)
    if present is None or status.phase != Phase.COMPLETED:
        phase = status.phase or Phase.PENDING
        return refusals.not_completed(candidate.label, wait, phase, status.message, waiting=_is_under_way(status))
    return present


def _is_under_way(status: DepPackageStatus) -> bool:
    settled = any(c.type == ConditionType.SETTLED and c.status == "True" for c in status.conditions)
    return status.phase != Phase.COMPLETED and not settled


def _stale(candidate: ResolvedPackage, artifact: ArtifactStatus) -> str:
    return (
        f"Package {candidate.label} is {candidate.status.phase or Phase.PENDING}; its last good artifact, of "
        f"{artifact.built_at}, is attached."
    )


def _incompatible_with_pod(request: AttachRequest, pinned: Sequence[Pinned]) -> Refusal | None:
    """Return the refusal of a package for another Python, CPU or C library than the pod's or another package's."""
    for package in pinned:
        artifact = package.artifact
        for image in request.images:
            if image.python_version and image.python_version != artifact.python_version:
                return refusals.python_differs(
                    package.label, artifact.python_version, image.python_version, image.where
                )
            if image.musl and package.native:
                return refusals.without_glibc(package.label, image.image)
        if request.architecture and package.native and artifact.architecture != request.architecture:
            return refusals.architecture_differs(package.label, artifact.architecture, request.architecture)
    return _incompatible_packages(pinned)


def _incompatible_packages(pinned: Sequence[Pinned]) -> Refusal | None:
    for first, second in combinations(pinned, 2):
        one, other = first.artifact, second.artifact
        if one.python_version != other.python_version:
            return refusals.pythons_disagree(first.label, one.python_version, second.label, other.python_version)
        if first.native and second.native and one.architecture != other.architecture:
            return refusals.architecture_differs(second.label, other.architecture, one.architecture)
    return None


def _versions_conflict(first: Pinned, one: Contents, second: Pinned, other: Contents) -> Refusal | None:
    for name in sorted(one.versions.keys() & other.versions.keys()):
        if one.versions[name] != other.versions[name]:
            return refusals.versions_conflict(name, first.label, one.versions[name], second.label, other.versions[name])
    return None


def _files_conflict(first: Pinned, one: Contents, second: Pinned, other: Contents) -> Refusal | None:
    differing = sorted(path for path in one.files.keys() & other.files.keys() if one.files[path] != other.files[path])
    if not differing:
        return None
    more = f"{'at least ' if one.cut or other.cut else ''}{len(differing) - 1}"
    return refusals.files_conflict(differing[0], "" if more == "0" else more, first.label, second.label)
