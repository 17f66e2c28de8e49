"""The init container of a pod, its volumes, and what it is told to do. Pure.

It fits restricted pod security whatever user the pod runs as. It sets no user itself, so that a cluster that gives each
namespace its own range of users can choose one; the image's is 65532.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dagy.attach.spec import AUTHORITY_VARIABLE, ROOT, SPEC_VARIABLE, TOKEN_FILE, TOKEN_FOLDER, AttachItem, AttachSpec
from dagy.core.attach.pin import Attachment, Pinned
from dagy.core.attach.request import AttachRequest
from dagy.core.attach.ways import Ways
from dagy.core.common.resources import amount
from dagy.model import constants as names

Manifest = dict[str, Any]

VOLUME = names.ATTACH_CONTAINER
"""Name of the volume that it fills."""
_TOKEN_VOLUME = f"{names.ATTACH_CONTAINER}-token"
_TOKEN_SECONDS = 600  # the shortest that Kubernetes allows
_NON_ROOT = 65532
_BLOCK = 4096
_SPARE_BYTES = 64 << 20
_FLOW_LEAST, _FLOW_GROWTH = 256 << 20, 25
"""A flow's own code may have this many bytes in any case, and extract to this many times its ZIP's size."""
_WORK_MEGABYTES = 512


@dataclass(frozen=True)
class InitContainer:
    """The administrator's settings for every init container."""

    image: str
    pull_policy: str
    api_url: str
    authority: str
    """Certificates (PEM) by which the API is known."""
    cpu_request: str
    cpu_limit: str
    memory_request: str
    memory_limit: str


def bringing(
    pod_spec: Mapping[str, Any], request: AttachRequest, attachment: Attachment, ways: Ways, settings: InitContainer
) -> tuple[Manifest, list[Manifest]]:
    """Return the init container that brings what is not mounted as an image, and its volumes."""
    brought = [package for package in attachment.packages if package.slug not in ways.images]
    attach_spec = _attach_spec(request, attachment, brought, ways, settings)
    megabytes = _volume_megabytes(attach_spec, brought)
    container = _container(pod_spec, attach_spec, settings, megabytes if request.in_memory else 0)
    return container, _volumes(megabytes, in_memory=request.in_memory)


def _attach_spec(
    request: AttachRequest, attachment: Attachment, brought: Sequence[Pinned], ways: Ways, settings: InitContainer
) -> AttachSpec:
    items = [
        AttachItem(p.slug, p.artifact.sha256, p.artifact.size_bytes, p.artifact.uncompressed_bytes) for p in brought
    ]
    flow = attachment.flow
    if flow:
        limit = max(_FLOW_LEAST, _FLOW_GROWTH * flow.size_bytes)
        items.append(AttachItem("", flow.sha256, flow.size_bytes, limit))
    return AttachSpec(
        settings.api_url,
        tuple(items),
        request.namespace if flow else "",
        flow.deployment if flow else "",
        tuple(ways.images),
    )


def _container(spec: Mapping[str, Any], attach_spec: AttachSpec, settings: InitContainer, in_memory: int) -> Manifest:
    security: Manifest = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    if (spec.get("securityContext") or {}).get("runAsUser") == 0:
        security |= {"runAsUser": _NON_ROOT, "runAsGroup": _NON_ROOT}
    return {
        "name": names.ATTACH_CONTAINER,
        "image": settings.image,
        "imagePullPolicy": settings.pull_policy,
        "args": ["dagy.attach"],
        "env": [
            {"name": SPEC_VARIABLE, "value": _literal(attach_spec.to_text())},
            {"name": AUTHORITY_VARIABLE, "value": settings.authority},
        ],
        "volumeMounts": [
            {"name": VOLUME, "mountPath": ROOT},
            {"name": _TOKEN_VOLUME, "mountPath": TOKEN_FOLDER, "readOnly": True},
        ],
        "resources": _resources(spec, settings, in_memory),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": security,
    }


def _resources(spec: Mapping[str, Any], settings: InitContainer, in_memory: int) -> Manifest:
    """Return its resources; `in_memory`: size in MiB of a volume that lies in memory, and counts as the container's.

    A pod whose containers all get exactly what they may use (quality of service Guaranteed) stays one.

    A CPU limit is set only where the pod's own containers have one: there a quota may demand it. Its share of the CPU
    is that of the largest of them, which costs nothing: a pod reserves the larger of its init containers and the rest.
    """
    own = [container.get("resources") or {} for container in spec["containers"]]
    if own and all(_is_guaranteed(resources) for resources in own):  # none: the API server says so better
        limits = {kind: own[0]["limits"][kind] for kind in ("cpu", "memory")}
        return {"requests": limits, "limits": limits}
    reserved = max([settings.cpu_request, *((r.get("requests") or {}).get("cpu", "0") for r in own)], key=_cpus)
    limits = {"memory": f"{in_memory + _WORK_MEGABYTES}Mi" if in_memory else settings.memory_limit}
    if any("cpu" in (resources.get("limits") or {}) for resources in own):
        limits["cpu"] = max(settings.cpu_limit, reserved, key=_cpus)
    return {"requests": {"cpu": reserved, "memory": settings.memory_request}, "limits": limits}


def _cpus(quantity: Any) -> Decimal:
    """A quantity of CPU; 0 for one that the API server will refuse."""
    try:
        return amount(str(quantity))
    except ValueError:
        return Decimal(0)


def _is_guaranteed(resources: Mapping[str, Any]) -> bool:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    return all(kind in limits and requests.get(kind, limits[kind]) == limits[kind] for kind in ("cpu", "memory"))


def _volume_megabytes(attach_spec: AttachSpec, brought: Sequence[Pinned]) -> int:
    # Each file takes whole blocks; folders are fewer than files.
    size = sum(item.uncompressed_bytes + item.size_bytes for item in attach_spec.items) + _SPARE_BYTES
    size += sum(2 * _BLOCK * package.artifact.file_count for package in brought)
    return -(-size >> 20)


def _volumes(megabytes: int, *, in_memory: bool) -> list[Manifest]:
    medium = {"medium": "Memory"} if in_memory else {}
    token = {"audience": names.API_AUDIENCE, "expirationSeconds": _TOKEN_SECONDS, "path": TOKEN_FILE}
    return [
        {"name": VOLUME, "emptyDir": {**medium, "sizeLimit": f"{megabytes}Mi"}},
        {"name": _TOKEN_VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}},
    ]


def _literal(text: str) -> str:
    """Text that the kubelet leaves as it is: $(...) is a reference to it."""
    return text.replace("$", "$$")
