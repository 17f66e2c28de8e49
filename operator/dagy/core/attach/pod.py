"""Changes to a pod that packages are attached to: an init container, a volume, PYTHONPATH. Pure.

The init container fits restricted pod security whatever user the pod runs as. It sets no user itself, so that a
cluster that gives each namespace its own range of users can choose one; the image's is 65532.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dagy.attach.spec import (
    AUTHORITY_VARIABLE,
    FLOW,
    PACKAGES,
    ROOT,
    SPEC_VARIABLE,
    TOKEN_FILE,
    TOKEN_FOLDER,
    AttachItem,
    AttachSpec,
)
from dagy.core.attach import refusals
from dagy.core.attach.pin import Attachment
from dagy.core.attach.refusals import Refusal
from dagy.core.attach.request import AttachRequest
from dagy.core.common.resources import amount
from dagy.model import constants as names

Manifest = dict[str, Any]

_VOLUME = names.ATTACH_CONTAINER
_TOKEN_VOLUME = f"{names.ATTACH_CONTAINER}-token"
_TOKEN_SECONDS = 600  # the shortest that Kubernetes allows
_NON_ROOT = 65532
_BLOCK = 4096
_SPARE_BYTES = 64 << 20
_FLOW_LEAST, _FLOW_GROWTH = 256 << 20, 25
"""A flow's own code may have this many bytes in any case, and extract to this many times its ZIP's size."""
_WORK_MEGABYTES = 512
_KEPT = "DAGY_PYTHONPATH"
_ARCHITECTURE = "kubernetes.io/arch"


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


def is_attached(pod: Mapping[str, Any]) -> bool:
    """Return whether the pod has its init container already."""
    init_containers = (pod.get("spec") or {}).get("initContainers") or ()
    return any(container.get("name") == names.ATTACH_CONTAINER for container in init_containers)


def attach(
    pod: Mapping[str, Any],
    request: AttachRequest,
    attachment: Attachment,
    settings: InitContainer,
    *,
    say_whose: bool = True,
) -> Manifest | Refusal:
    """The pod with the packages attached, or why it can't have them. `say_whose`: note the packages' full names."""
    taken = _taken(pod["spec"])
    if taken:
        return taken
    spec, metadata = dict(pod["spec"]), dict(pod["metadata"])
    annotations = dict(metadata.get("annotations") or {})
    attach_spec = _attach_spec(request, attachment, settings)
    paths = ([FLOW] if attachment.flow else []) + [f"{PACKAGES}/{p.slug}" for p in attachment.packages]
    tail = annotations.get(names.ATTACH_PYTHONPATH, "").strip()
    megabytes = _volume_megabytes(attach_spec, attachment)
    init = _init_container(spec, attach_spec, settings, megabytes if request.in_memory else 0)
    spec["containers"] = [_equipped(container, paths, tail) for container in spec["containers"]]
    spec["initContainers"] = [init, *(_equipped(c, paths, tail) for c in spec.get("initContainers") or ())]
    spec["volumes"] = [*(spec.get("volumes") or ()), *_volumes(megabytes, in_memory=request.in_memory)]
    if attachment.architecture and not request.architecture:
        spec["nodeSelector"] = {**(spec.get("nodeSelector") or {}), _ARCHITECTURE: attachment.architecture}
    annotations[names.ATTACHED] = _summary(attachment, say_whose=say_whose)
    return {**pod, "metadata": {**metadata, "annotations": annotations}, "spec": spec}


def json_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Manifest]:
    """Return what `attach` changed, as a JSON Patch (RFC 6902): whole fields, which "add" replaces where they exist."""
    fields = [("metadata", "annotations"), *(("spec", name) for name in sorted(after["spec"]))]
    return [
        {"op": "add", "path": f"/{part}/{name}", "value": after[part][name]}
        for part, name in fields
        if after[part].get(name) != before[part].get(name)
    ]


def _attach_spec(request: AttachRequest, attachment: Attachment, settings: InitContainer) -> AttachSpec:
    items = [
        AttachItem(p.slug, p.artifact.sha256, p.artifact.size_bytes, p.artifact.uncompressed_bytes)
        for p in attachment.packages
    ]
    flow = attachment.flow
    if flow:
        limit = max(_FLOW_LEAST, _FLOW_GROWTH * flow.size_bytes)
        items.append(AttachItem("", flow.sha256, flow.size_bytes, limit))
    return AttachSpec(
        settings.api_url, tuple(items), request.namespace if flow else "", flow.deployment if flow else ""
    )


def _init_container(
    spec: Mapping[str, Any], attach_spec: AttachSpec, settings: InitContainer, in_memory: int
) -> Manifest:
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
            {"name": _VOLUME, "mountPath": ROOT},
            {"name": _TOKEN_VOLUME, "mountPath": TOKEN_FOLDER, "readOnly": True},
        ],
        "resources": _resources(spec, settings, in_memory),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": security,
    }


def _resources(spec: Mapping[str, Any], settings: InitContainer, in_memory: int) -> Manifest:
    """Return what it may use; `in_memory`: size in MiB of a volume that lies in memory, and counts as the container's.

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


def _volume_megabytes(attach_spec: AttachSpec, attachment: Attachment) -> int:
    # Each file takes whole blocks; folders are fewer than files.
    size = sum(item.uncompressed_bytes + item.size_bytes for item in attach_spec.items) + _SPARE_BYTES
    size += sum(2 * _BLOCK * package.artifact.file_count for package in attachment.packages)
    return -(-size >> 20)


def _volumes(megabytes: int, *, in_memory: bool) -> list[Manifest]:
    medium = {"medium": "Memory"} if in_memory else {}
    token = {"audience": names.API_AUDIENCE, "expirationSeconds": _TOKEN_SECONDS, "path": TOKEN_FILE}
    return [
        {"name": _VOLUME, "emptyDir": {**medium, "sizeLimit": f"{megabytes}Mi"}},
        {"name": _TOKEN_VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}},
    ]


def _equipped(container: Mapping[str, Any], paths: Sequence[str], tail: str) -> Manifest:
    """Return the container with the volume, read-only, and PYTHONPATH, which keeps what it was."""
    mount = {"name": _VOLUME, "mountPath": ROOT, "readOnly": True}
    mounts = [*(container.get("volumeMounts") or ()), mount]
    return {**container, "volumeMounts": mounts, "env": _environment(container, paths, tail)}


def _environment(container: Mapping[str, Any], paths: Sequence[str], tail: str) -> list[Manifest]:
    changed: list[Manifest] = []
    found = False
    for variable in container.get("env") or ():
        if variable.get("name") != "PYTHONPATH":
            changed.append(dict(variable))
            continue
        found = True
        kept = variable.get("value", "")
        if variable.get("valueFrom"):
            changed.append({"name": _KEPT, "valueFrom": variable["valueFrom"]})
            kept = f"$({_KEPT})"
        changed.append({"name": "PYTHONPATH", "value": _joined(paths, kept, tail)})
    if not found:
        # What a ConfigMap or Secret says is known to the kubelet alone, which puts it here if it is there.
        sources = container.get("envFrom") or ()
        possible = any("PYTHONPATH".startswith(source.get("prefix", "")) for source in sources)
        changed.append({"name": "PYTHONPATH", "value": _joined(paths, "$(PYTHONPATH)" if possible else "", tail)})
    return changed


def _joined(paths: Sequence[str], *more: str) -> str:
    return ":".join([*paths, *(part for part in more if part)])


def _literal(text: str) -> str:
    """Text that the kubelet leaves as it is: $(...) is a reference to it."""
    return text.replace("$", "$$")


def _summary(attachment: Attachment, *, say_whose: bool) -> str:
    packages = [
        {"slug": p.slug}
        | ({"namespace": p.key.namespace, "name": p.key.name} if say_whose else {})
        | {"sha256": p.artifact.sha256}
        for p in attachment.packages
    ]
    flow = (
        {"flow": {"deployment": attachment.flow.deployment, "sha256": attachment.flow.sha256}}
        if attachment.flow
        else {}
    )
    return json.dumps({"packages": packages, **flow}, separators=(",", ":"))


def _taken(spec: Mapping[str, Any]) -> Refusal | None:
    for container in [*spec["containers"], *(spec.get("initContainers") or ())]:
        for mount in container.get("volumeMounts") or ():
            path = str(mount.get("mountPath", "")).rstrip("/")
            if path == ROOT or path.startswith(f"{ROOT}/"):
                return refusals.path_taken(container.get("name", ""), path, ROOT)
    return None
