"""What becomes of a pod that packages are attached to: an init container, a volume, PYTHONPATH. Pure.

The init container fits restricted pod security whatever user the pod runs as. It sets no user itself, so that a
cluster that gives each namespace its own range of users can choose one; the image's is 65532.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dagy.attach import order
from dagy.core.attach import refusals
from dagy.core.attach.pin import Attachment
from dagy.core.attach.refusals import Refusal
from dagy.core.attach.request import AttachRequest
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
    """What the administrator decides about every init container."""

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
    """Whether the pod has its init container already."""
    init_containers = (pod.get("spec") or {}).get("initContainers") or ()
    return any(container.get("name") == names.ATTACH_CONTAINER for container in init_containers)


def attach(
    pod: Mapping[str, Any], request: AttachRequest, what: Attachment, how: InitContainer, *, say_whose: bool = True
) -> Manifest | Refusal:
    """The pod with the packages attached, or why it can't have them. `say_whose`: note the packages' full names."""
    taken = _taken(pod["spec"])
    if taken:
        return taken
    spec, metadata = dict(pod["spec"]), dict(pod["metadata"])
    annotations = dict(metadata.get("annotations") or {})
    wanted = _order(request, what, how)
    paths = ([order.FLOW] if what.flow else []) + [f"{order.PACKAGES}/{p.slug}" for p in what.packages]
    tail = annotations.get(names.ATTACH_PYTHONPATH, "").strip()
    megabytes = _volume_megabytes(wanted, what)
    init = _init_container(spec, wanted, how, megabytes if request.in_memory else 0)
    spec["containers"] = [_equipped(container, paths, tail) for container in spec["containers"]]
    spec["initContainers"] = [init, *(_equipped(c, paths, tail) for c in spec.get("initContainers") or ())]
    spec["volumes"] = [*(spec.get("volumes") or ()), *_volumes(megabytes, in_memory=request.in_memory)]
    if what.architecture and not request.architecture:
        spec["nodeSelector"] = {**(spec.get("nodeSelector") or {}), _ARCHITECTURE: what.architecture}
    annotations[names.ATTACHED] = _summary(what, say_whose=say_whose)
    return {**pod, "metadata": {**metadata, "annotations": annotations}, "spec": spec}


def json_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Manifest]:
    """What `attach` changed, as a JSON Patch (RFC 6902): whole fields, which "add" replaces where they exist."""
    fields = [("metadata", "annotations"), *(("spec", name) for name in sorted(after["spec"]))]
    return [
        {"op": "add", "path": f"/{part}/{name}", "value": after[part][name]}
        for part, name in fields
        if after[part].get(name) != before[part].get(name)
    ]


def _order(request: AttachRequest, what: Attachment, how: InitContainer) -> order.Order:
    items = [
        order.Item(p.slug, p.artifact.sha256, p.artifact.size_bytes, p.artifact.uncompressed_bytes)
        for p in what.packages
    ]
    flow = what.flow
    if flow:
        limit = max(_FLOW_LEAST, _FLOW_GROWTH * flow.size_bytes)
        items.append(order.Item("", flow.sha256, flow.size_bytes, limit))
    return order.Order(how.api_url, tuple(items), request.namespace if flow else "", flow.deployment if flow else "")


def _init_container(spec: Mapping[str, Any], wanted: order.Order, how: InitContainer, in_memory: int) -> Manifest:
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
        "image": how.image,
        "imagePullPolicy": how.pull_policy,
        "args": ["dagy.attach"],
        "env": [
            {"name": order.ORDER_VARIABLE, "value": _literal(wanted.to_text())},
            {"name": order.AUTHORITY_VARIABLE, "value": how.authority},
        ],
        "volumeMounts": [
            {"name": _VOLUME, "mountPath": order.ROOT},
            {"name": _TOKEN_VOLUME, "mountPath": order.TOKEN_FOLDER, "readOnly": True},
        ],
        "resources": _resources(spec, how, in_memory),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": security,
    }


def _resources(spec: Mapping[str, Any], how: InitContainer, in_memory: int) -> Manifest:
    """What it may use; `in_memory`: size in MiB of a volume that lies in memory, and counts as the container's.

    A pod whose containers all get exactly what they may use (quality of service Guaranteed) stays one.

    A CPU limit is set only where the pod's own containers have one: there a quota may demand it. Its share of the CPU
    is that of the largest of them, which costs nothing: a pod reserves the larger of its init containers and the rest.
    """
    own = [container.get("resources") or {} for container in spec["containers"]]
    if own and all(_is_guaranteed(resources) for resources in own):  # none: the API server says so better
        limits = {kind: own[0]["limits"][kind] for kind in ("cpu", "memory")}
        return {"requests": limits, "limits": limits}
    reserved = max([how.cpu_request, *((r.get("requests") or {}).get("cpu", "0") for r in own)], key=_millicores)
    limits = {"memory": f"{in_memory + _WORK_MEGABYTES}Mi" if in_memory else how.memory_limit}
    if any("cpu" in (resources.get("limits") or {}) for resources in own):
        limits["cpu"] = max(how.cpu_limit, reserved, key=_millicores)
    return {"requests": {"cpu": reserved, "memory": how.memory_request}, "limits": limits}


def _millicores(quantity: Any) -> float:
    """A Kubernetes quantity of CPU, such as "500m", 2 or "1.5"; 0 for one that the API server will refuse."""
    text = str(quantity)
    try:
        return float(text.removesuffix("m")) * (1 if text.endswith("m") else 1000)
    except ValueError:
        return 0


def _is_guaranteed(resources: Mapping[str, Any]) -> bool:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    return all(kind in limits and requests.get(kind, limits[kind]) == limits[kind] for kind in ("cpu", "memory"))


def _volume_megabytes(wanted: order.Order, what: Attachment) -> int:
    # Each file takes whole blocks; folders are fewer than files.
    size = sum(item.uncompressed_bytes + item.size_bytes for item in wanted.items) + _SPARE_BYTES
    size += sum(2 * _BLOCK * package.artifact.file_count for package in what.packages)
    return -(-size >> 20)


def _volumes(megabytes: int, *, in_memory: bool) -> list[Manifest]:
    medium = {"medium": "Memory"} if in_memory else {}
    token = {"audience": names.API_AUDIENCE, "expirationSeconds": _TOKEN_SECONDS, "path": order.TOKEN_FILE}
    return [
        {"name": _VOLUME, "emptyDir": {**medium, "sizeLimit": f"{megabytes}Mi"}},
        {"name": _TOKEN_VOLUME, "projected": {"sources": [{"serviceAccountToken": token}]}},
    ]


def _equipped(container: Mapping[str, Any], paths: Sequence[str], tail: str) -> Manifest:
    """The container with the volume, read-only, and PYTHONPATH, which keeps what it was."""
    mount = {"name": _VOLUME, "mountPath": order.ROOT, "readOnly": True}
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


def _summary(what: Attachment, *, say_whose: bool) -> str:
    packages = [
        {"slug": p.slug}
        | ({"namespace": p.key.namespace, "name": p.key.name} if say_whose else {})
        | {"sha256": p.artifact.sha256}
        for p in what.packages
    ]
    flow = {"flow": {"deployment": what.flow.deployment, "sha256": what.flow.sha256}} if what.flow else {}
    return json.dumps({"packages": packages, **flow}, separators=(",", ":"))


def _taken(spec: Mapping[str, Any]) -> Refusal | None:
    for container in [*spec["containers"], *(spec.get("initContainers") or ())]:
        for mount in container.get("volumeMounts") or ():
            path = str(mount.get("mountPath", "")).rstrip("/")
            if path == order.ROOT or path.startswith(f"{order.ROOT}/"):
                return refusals.path_taken(container.get("name", ""), path, order.ROOT)
    return None
