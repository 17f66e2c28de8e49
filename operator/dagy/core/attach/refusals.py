"""Refusals to attach packages: reasons and sentences, the same for pods, deployments, API and CLI. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dagy.model import constants as names


class AttachReason(StrEnum):
    """One word for each kind of refusal; part of the API (docs/attach.md)."""

    INVALID_ANNOTATION = "InvalidAnnotation"
    TOO_MANY_PACKAGES = "TooManyPackages"
    UNKNOWN_SLUG = "UnknownSlug"
    NOT_COMPLETED = "PackageNotCompleted"
    ARTIFACT_GONE = "ArtifactGone"
    PYTHON_MISMATCH = "PythonMismatch"
    ARCHITECTURE_MISMATCH = "ArchitectureMismatch"
    IMAGE_INCOMPATIBLE = "ImageIncompatible"
    VERSION_CONFLICT = "VersionConflict"
    FILE_CONFLICT = "FileConflict"
    CONTENTS_UNKNOWN = "ContentsUnknown"
    PATH_TAKEN = "PathTaken"
    IMAGE_UNAVAILABLE = "ImageUnavailable"


@dataclass(frozen=True)
class Refusal:
    """A refusal: `message` tells the refused thing, its object, the cause, and the next step.

    `reason` is an AttachReason or a FlowReason. `waiting`: it resolves itself, because a package is under way or a
    service is asked again.
    """

    reason: StrEnum
    message: str
    waiting: bool = False


def invalid_annotation(annotation: str, problem: str, form: str) -> Refusal:
    """Return the refusal of an annotation that can't be read."""
    return Refusal(AttachReason.INVALID_ANNOTATION, f"Annotation {annotation}: {problem}. {form}")


def too_many(count: int) -> Refusal:
    """Return the refusal of more packages than a pod takes."""
    return Refusal(
        AttachReason.TOO_MANY_PACKAGES,
        f"{count} packages are asked for, and a pod takes at most {names.MAX_ATTACHED_PACKAGES}. Put their "
        "dependencies into fewer packages.",
    )


def unknown_slugs(slugs: Sequence[str], namespace: str, service_account: str) -> Refusal:
    """Return the refusal of slugs without a package, or with one not for here: the same, so that nobody can probe."""
    which = f"the slug {slugs[0]}" if len(slugs) == 1 else f"the slugs {', '.join(slugs)}"
    return Refusal(
        AttachReason.UNKNOWN_SLUG,
        f"No package that namespace {namespace} may use has {which}. Check it with `kubectl get deppackages -A`; one "
        f"of another namespace can be used when both sides agree: annotation {names.PACKAGES_FROM} of the pod or its "
        "namespace (spec.packagesFrom of a FlowDeployment) names that namespace, and the service account "
        f"{namespace}/{service_account} may get the package.",
    )


def not_seen(slugs: Sequence[str], namespace: str) -> Refusal:
    """Return the refusal of slugs that a package may have which was created just now: nobody has to do anything."""
    which = f"the slug {slugs[0]}" if len(slugs) == 1 else f"the slugs {', '.join(slugs)}"
    return Refusal(
        AttachReason.NOT_COMPLETED,
        f"No package has {which} yet, and a new one of namespace {namespace} has not been looked at. It is waited for.",
        waiting=True,
    )


def not_completed(package: str, wait: str, phase: str, said: str, *, waiting: bool) -> Refusal:
    """Return the refusal of a package without an artifact. `said`: its status message, with the next step if it failed.

    `waiting`: it is under way, so that nobody has to do anything.
    """
    because = f": {said.rstrip('.')}" if said else ""
    return Refusal(
        AttachReason.NOT_COMPLETED,
        f"Package {package} is {phase}, not COMPLETED, so there is nothing to attach{because}. Once it is ready, try "
        f"again: `{wait}`.",
        waiting,
    )


def changed_since(package: str, wait: str) -> Refusal:
    """Return the refusal of a package whose status speaks of an earlier spec, be that a success or a failure."""
    return Refusal(
        AttachReason.NOT_COMPLETED,
        f"Package {package} was changed, and the operator has not looked at it since. Once it is ready, try again: "
        f"`{wait}`.",
        waiting=True,
    )


def artifact_gone(package: str, sha256: str, present: str | None) -> Refusal:
    """Return the refusal of a pinned artifact that is not kept any more."""
    instead = f"; its present one is {present}" if present else ""
    return Refusal(
        AttachReason.ARTIFACT_GONE,
        f"Package {package} no longer keeps the artifact {sha256}{instead}. Deploy again to use the present one, or "
        "raise spec.revisionHistoryLimit to keep earlier ones for longer.",
    )


def artifact_lost(package: str, uri: str, said: str) -> Refusal:
    """Return the refusal of a pinned artifact with a deleted ZIP. `said`: the package's message on its fate."""
    return Refusal(
        AttachReason.ARTIFACT_GONE,
        f"The ZIP of package {package} was deleted or changed in S3 ({uri}); the package says: {said.rstrip('.')}. "
        "Once it is COMPLETED, try again; where it was built into other bytes, deploy again.",
    )


def python_differs(package: str, built_for: str, wanted: str, where: str) -> Refusal:
    """Return the refusal of a package for another Python than the pod's. `where`: the source of the pod's Python."""
    return Refusal(
        AttachReason.PYTHON_MISMATCH,
        f"Package {package} is for Python {built_for}, but {where} Python {wanted}. Build the package for {wanted}, or "
        f"use an image with Python {built_for} (annotation {names.ATTACH_PYTHON_VERSION} says what an image has).",
    )


def pythons_disagree(first: str, version: str, second: str, other: str) -> Refusal:
    """Return the refusal of two packages for different Pythons."""
    return Refusal(
        AttachReason.PYTHON_MISMATCH,
        f"Package {first} is for Python {version} and {second} for Python {other}; a pod has one Python. Build both "
        "for the same one.",
    )


def architecture_differs(package: str, built_for: str, wanted: str) -> Refusal:
    """Return the refusal of a package for another CPU than the pod's."""
    return Refusal(
        AttachReason.ARCHITECTURE_MISMATCH,
        f"Package {package} is for {built_for}, but the pod asks for nodes with {wanted}. Build the package with "
        f"spec.platform.architecture {wanted}, or select {built_for} nodes.",
    )


def without_glibc(package: str, image: str) -> Refusal:
    """Return the refusal of native modules for glibc in an image that has musl."""
    return Refusal(
        AttachReason.IMAGE_INCOMPATIBLE,
        f"Package {package} has native modules for glibc, which image {image} (Alpine, musl) can't load. Use a "
        "Debian-based image, such as python:3.12-slim.",
    )


def versions_conflict(name: str, first: str, version: str, second: str, other: str) -> Refusal:
    """Return the refusal of two packages with different versions of one distribution."""
    return Refusal(
        AttachReason.VERSION_CONFLICT,
        f"Package {first} brings {name} {version} and {second} brings {name} {other}; only one can be imported. Make "
        "lists that agree with `dagy requirements split`, or put all that is asked for into one package.",
    )


def files_conflict(path: str, more: str, first: str, second: str) -> Refusal:
    """Return the refusal of one path with different content in two packages. `more`: the number of further ones."""
    others = f" (and {more} more)" if more else ""
    return Refusal(
        AttachReason.FILE_CONFLICT,
        f"Packages {first} and {second} both bring the file {path}{others}, with different content; only one can be "
        "imported. Leave one of the distributions that bring it out.",
    )


def contents_unknown(package: str, request: str) -> Refusal:
    """Return the refusal of an artifact without the lists that comparing needs."""
    return Refusal(
        AttachReason.CONTENTS_UNKNOWN,
        f"What package {package} contains is not recorded, so it can't be compared with the others. Build it again: "
        f"`{request}`.",
    )


def contents_unusable(packages: Sequence[str], problem: str) -> Refusal:
    """Return the refusal of lists that can't be read or are too large to compare."""
    return Refusal(
        AttachReason.CONTENTS_UNKNOWN,
        f"The contents of {', '.join(packages)} can't be compared. {problem} Build them again, or leave one out.",
    )


def path_taken(container: str, mount: str, root: str) -> Refusal:
    """Return the refusal of a pod that mounts something where packages go."""
    return Refusal(
        AttachReason.PATH_TAKEN,
        f"Container {container} mounts a volume at {mount}, and packages are mounted at {root}. Mount the volume "
        "somewhere else.",
    )


def image_unavailable(package: str, because: str, advice: str) -> Refusal:
    """Return the refusal of a package that is wanted as an image volume and can't be one. `because`: a clause."""
    return Refusal(
        AttachReason.IMAGE_UNAVAILABLE,
        f"Package {package} can't be mounted as an image volume, because {because}. {advice} Or let an init container "
        f"bring it: annotation {names.ATTACH_MODE}: Auto.",
    )


def unexplained(slugs: Sequence[str]) -> str:
    """Return the message for a caller that may not be the API server: no reason, but the place where it is told."""
    return (
        f"Packages {', '.join(slugs)[:400]} can't be attached to this pod; `dagy packages show` says how they are, and "
        "why is told here once the administrator has set DAGY_WEBHOOK_CLIENTS (docs/security.md)."
    )


MEANINGS = {
    AttachReason.INVALID_ANNOTATION: "An annotation can't be read.",
    AttachReason.TOO_MANY_PACKAGES: f"More than {names.MAX_ATTACHED_PACKAGES} packages.",
    AttachReason.UNKNOWN_SLUG: "There is no such package, or none that the pod's service account may get.",
    AttachReason.NOT_COMPLETED: "The package has no artifact yet, or, for a flow deployment, none of its present spec; "
    "the message repeats what its status says.",
    AttachReason.ARTIFACT_GONE: "The slug is pinned to an artifact that is no longer kept, or was deleted in S3.",
    AttachReason.PYTHON_MISMATCH: "The package is for another Python than the pod's image, or than another package.",
    AttachReason.ARCHITECTURE_MISMATCH: "The package has native modules for another CPU than the pod's nodes.",
    AttachReason.IMAGE_INCOMPATIBLE: "The package has native modules for glibc, and the image is Alpine's.",
    AttachReason.VERSION_CONFLICT: "Two packages bring different versions of one distribution.",
    AttachReason.FILE_CONFLICT: "Two packages bring a file of the same path with different content.",
    AttachReason.CONTENTS_UNKNOWN: "An artifact has no record of its contents, so that nothing can be compared.",
    AttachReason.PATH_TAKEN: "The pod mounts a volume of its own where packages go.",
    AttachReason.IMAGE_UNAVAILABLE: "With mode `ImageVolume`: the package can't be mounted as an image.",
}
