"""A pod's request for packages, from its annotations, images and node selectors. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from dagy.core.attach import refusals
from dagy.core.attach.refusals import Refusal
from dagy.core.common.slug import is_slug
from dagy.model import constants as names
from dagy_builder.platforms import PYTHON_VERSIONS

_FORM = "Write slugs (8 characters of A-Z and 0-9) separated by commas, each optionally pinned as SLUG@sha256."
_FLOW_FORM = 'Write {"deployment": "...", "sha256": "...", "sizeBytes": 1}, as the templates of a FlowDeployment do.'
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # RFC 1123 label
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")  # RFC 1123 subdomain
_PYTHON_TAG = re.compile(r"(3\.[0-9]{1,2})(?![0-9])")
_MAX_BYTES = 1 << 40
_DISK, _MEMORY = "Disk", "Memory"
_ARCHITECTURE = "kubernetes.io/arch"


class AttachMode(StrEnum):
    """How packages get into pods; a pod's own choice (docs/attach.md) goes before the installation's."""

    AUTO = "Auto"
    """As image volumes where all that is known says that they work, by the init container else."""
    IMAGE_VOLUME = "ImageVolume"
    """As image volumes, or not at all."""
    INIT_CONTAINER = "InitContainer"
    """By the init container."""


@dataclass(frozen=True)
class PackageRef:
    """One package of the annotation; with `sha256` (hex) exactly that artifact."""

    slug: str
    sha256: str | None = None


@dataclass(frozen=True)
class Flow:
    """The flow's own code: an artifact of a FlowDeployment in the pod's namespace."""

    deployment: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class ImageFact:
    """The known facts of one image. `where` names the source of its Python version, as part of a sentence."""

    image: str
    python_version: str | None = None
    where: str = ""
    musl: bool = False


@dataclass(frozen=True)
class AttachRequest:
    """The packages that are asked for, and the pod that they have to fit."""

    namespace: str
    wanted: tuple[PackageRef, ...]
    service_account: str = "default"
    images: tuple[ImageFact, ...] = field(default=())
    architecture: str | None = None
    flow: Flow | None = None
    in_memory: bool = False
    """True when the files are to lie in memory, not on the node's disk."""
    mode: AttachMode | None = None
    """What the pod itself chooses."""
    pull_secrets: frozenset[str] | None = None
    """Secrets that it names for pulling images, those of its service account included; None when not known yet."""
    own_runtime: str = ""
    """What sets its containers apart from those of other pods, in words: a runtime class, a user namespace."""
    suppliers: frozenset[str] = frozenset()
    """Other namespaces whose packages are meant as well. Else a slug's first taker could put code into others' pods."""

    def accepts(self, wanted: PackageRef, namespace: str) -> bool:
        """Return True when the pod itself says that it takes this package from there: by name, or by the very bytes."""
        return namespace == self.namespace or wanted.sha256 is not None or namespace in self.suppliers


def wanted_packages(text: str) -> tuple[PackageRef, ...] | Refusal:
    """Read the annotation's value; blanks around slugs and an empty value are fine."""
    wanted: list[PackageRef] = []
    for entry in (part.strip() for part in text.split(",")) if text.strip() else ():
        slug, pinned, sha256 = entry.partition("@")
        if not is_slug(slug):
            meant = f" ({slug.upper()} is)" if is_slug(slug.upper()) else ""
            return refusals.invalid_annotation(names.ATTACH_PACKAGES, f"{_shown(entry)} is no slug{meant}", _FORM)
        if pinned and not _SHA256.fullmatch(sha256):
            return refusals.invalid_annotation(names.ATTACH_PACKAGES, f"{_shown(entry)} is pinned to no SHA-256", _FORM)
        if any(slug == other.slug for other in wanted):
            return refusals.invalid_annotation(names.ATTACH_PACKAGES, f"{slug} is named twice", "Name it once.")
        wanted.append(PackageRef(slug, sha256 or None))
    return tuple(wanted)


def suppliers_in(annotations: Mapping[str, Any]) -> frozenset[str] | Refusal:
    """Return the namespaces that a pod or a namespace takes packages from besides its own."""
    given = [part.strip() for part in str(annotations.get(names.PACKAGES_FROM, "")).split(",") if part.strip()]
    wrong = next((name for name in given if not _NAMESPACE.fullmatch(name)), None)
    if wrong is not None:
        return refusals.invalid_annotation(
            names.PACKAGES_FROM, f"{_shown(wrong)} is no namespace", "Write names of namespaces separated by commas."
        )
    return frozenset(given)


def request_of_pod(pod: Mapping[str, Any], namespace: str) -> AttachRequest | Refusal:
    """Return the request in a pod's annotations. `namespace`: a pod that is being created may not name its own."""
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    spec = pod.get("spec") or {}
    wanted = wanted_packages(annotations.get(names.ATTACH_PACKAGES, ""))
    if isinstance(wanted, Refusal):
        return wanted
    flow = _flow(annotations.get(names.ATTACH_FLOW, ""))
    if isinstance(flow, Refusal):
        return flow
    images = _images(annotations.get(names.ATTACH_PYTHON_VERSION, "").strip(), spec)
    if isinstance(images, Refusal):
        return images
    suppliers = suppliers_in(annotations)
    if isinstance(suppliers, Refusal):
        return suppliers
    medium = annotations.get(names.ATTACH_MEDIUM, "").strip()
    if medium not in ("", _DISK, _MEMORY):
        return refusals.invalid_annotation(
            names.ATTACH_MEDIUM, f"{_shown(medium)} is neither {_DISK} nor {_MEMORY}", "Leave it out for the disk."
        )
    mode = _mode(annotations.get(names.ATTACH_MODE, "").strip())
    if isinstance(mode, Refusal):
        return mode
    return AttachRequest(
        namespace=namespace,
        wanted=wanted,
        service_account=spec.get("serviceAccountName") or "default",
        images=images,
        architecture=_architecture(spec),
        flow=flow,
        in_memory=medium == _MEMORY,
        mode=mode,
        pull_secrets=frozenset(str(one.get("name", "")) for one in spec.get("imagePullSecrets") or ()),
        own_runtime=_own_runtime(spec),
        suppliers=suppliers,
    )


def template_of(workload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the pod template of a Deployment, Job, CronJob or the like; empty for anything else."""
    spec = workload.get("spec") or {}
    if "jobTemplate" in spec:
        spec = (spec["jobTemplate"] or {}).get("spec") or {}
    template: Mapping[str, Any] = spec.get("template") or {}
    return template


def fails_fast(workload: Mapping[str, Any]) -> bool:
    """Return True where a workload, or its pod template, asks to be refused when its pods would be.

    Else a Job waits for pods that are refused again and again, and who made it waits for the Job.
    """
    metadata = ((part.get("metadata") or {}) for part in (workload, template_of(workload)))
    return any((one.get("annotations") or {}).get(names.ATTACH_FAIL_FAST) == "true" for one in metadata)


def image_fact(container: str, image: str) -> ImageFact:
    """Return the facts in an image's name: the Python minor in the tag of an image called python, and Alpine's musl."""
    name, _, _digest = image.partition("@")
    repository, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:  # the colon of a registry's port
        repository, tag = name, ""
    found = _PYTHON_TAG.match(tag) if repository.rpartition("/")[2] == "python" else None
    where = f"image {image} of container {container} has"
    return ImageFact(image, found and found[1], where, musl="alpine" in tag)


def _images(stated: str, spec: Mapping[str, Any]) -> tuple[ImageFact, ...] | Refusal:
    told = tuple(image_fact(c.get("name", ""), c.get("image", "")) for c in spec.get("containers") or ())
    if not stated:
        return told
    if stated not in PYTHON_VERSIONS:
        known = ", ".join(PYTHON_VERSIONS)
        return refusals.invalid_annotation(
            names.ATTACH_PYTHON_VERSION, f"{_shown(stated)} is none of {known}", "Name the Python of the pod's images."
        )
    where = f"annotation {names.ATTACH_PYTHON_VERSION} says that the pod has"
    return tuple(replace(fact, python_version=stated, where=where) for fact in told)


def _mode(text: str) -> AttachMode | Refusal | None:
    if text in ("", *AttachMode):
        return AttachMode(text) if text else None
    known = ", ".join(AttachMode)
    return refusals.invalid_annotation(
        names.ATTACH_MODE, f"{_shown(text)} is none of {known}", "Leave it out for the installation's own."
    )


def _own_runtime(spec: Mapping[str, Any]) -> str:
    if spec.get("runtimeClassName"):
        return f"the runtime class {spec['runtimeClassName']}"
    return "a user namespace of its own (hostUsers)" if spec.get("hostUsers") is False else ""


def _flow(text: str) -> Flow | Refusal | None:
    if not text.strip():
        return None
    try:
        said = json.loads(text)
        deployment, sha256, size = str(said["deployment"]), str(said["sha256"]), said["sizeBytes"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return refusals.invalid_annotation(names.ATTACH_FLOW, "it can't be read", _FLOW_FORM)
    if not (_NAME.fullmatch(deployment) and _SHA256.fullmatch(sha256) and type(size) is int and 0 < size < _MAX_BYTES):
        return refusals.invalid_annotation(names.ATTACH_FLOW, "a field is not as it must be", _FLOW_FORM)
    return Flow(deployment, sha256, size)


def _architecture(spec: Mapping[str, Any]) -> str | None:
    """Return the CPU that the pod's node is bound to have, by selector or by an affinity of one value."""
    selected = (spec.get("nodeSelector") or {}).get(_ARCHITECTURE)
    if selected:
        return str(selected)
    required = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    terms = (required.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or ()
    allowed = [_allowed(term.get("matchExpressions") or ()) for term in terms]
    one = {a for a in allowed if a}
    return one.pop() if len(one) == 1 and all(allowed) else None


def _allowed(expressions: Iterable[Mapping[str, Any]]) -> str | None:
    for expression in expressions:
        values: Sequence[Any] = expression.get("values") or ()
        if expression.get("key") == _ARCHITECTURE and expression.get("operator") == "In" and len(values) == 1:
            return str(values[0])
    return None


def _shown(text: str) -> str:
    return json.dumps(text if len(text) <= 80 else text[:77] + "...")
