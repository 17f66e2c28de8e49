"""Changes to a pod that packages are attached to: image volumes, an init container, PYTHONPATH. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dagy.attach.spec import FLOW, PACKAGES, ROOT
from dagy.core.attach import refusals
from dagy.core.attach.init_container import VOLUME, InitContainer, Manifest, bringing
from dagy.core.attach.pin import Attachment
from dagy.core.attach.refusals import Refusal
from dagy.core.attach.request import AttachMode, AttachRequest
from dagy.core.attach.ways import Ways
from dagy.model import constants as names

_IMAGE_PREFIX = f"{names.ATTACH_CONTAINER}-"
_KEPT = "DAGY_PYTHONPATH"
_ARCHITECTURE = "kubernetes.io/arch"


def is_attached(pod: Mapping[str, Any]) -> bool:
    """Return True when the pod has its init container or its image volumes already."""
    spec = pod.get("spec") or {}
    images = [volume["name"] for volume in spec.get("volumes") or () if volume.get("image")]
    containers = [container.get("name") for container in spec.get("initContainers") or ()]
    return names.ATTACH_CONTAINER in containers or any(name.startswith(_IMAGE_PREFIX) for name in images)


def attach(
    pod: Mapping[str, Any],
    request: AttachRequest,
    attachment: Attachment,
    ways: Ways,
    settings: InitContainer,
    *,
    say_whose: bool = True,
) -> Manifest | Refusal:
    """Return the pod with the packages attached, or the refusal.

    `say_whose`: note the packages' full names, and why the init container brings what it brings.
    """
    taken = _taken(pod["spec"])
    if taken:
        return taken
    spec, metadata = dict(pod["spec"]), dict(pod["metadata"])
    annotations = dict(metadata.get("annotations") or {})
    paths = ([FLOW] if attachment.flow else []) + [f"{PACKAGES}/{p.slug}" for p in attachment.packages]
    tail = annotations.get(names.ATTACH_PYTHONPATH, "").strip()
    volumes = [_image_volume(slug, image) for slug, image in ways.images.items()]
    mounts = [{"name": _image_name(slug), "mountPath": f"{PACKAGES}/{slug}", "readOnly": True} for slug in ways.images]
    first: list[Manifest] = []
    if ways.needs_init_container(attachment):
        container, own = bringing(spec, request, attachment, ways, settings)
        first, volumes = [container], [*own, *volumes]
        mounts.insert(0, {"name": VOLUME, "mountPath": ROOT, "readOnly": True})
    spec["containers"] = [_equipped(container, mounts, paths, tail) for container in spec["containers"]]
    later = [_equipped(container, mounts, paths, tail) for container in spec.get("initContainers") or ()]
    if first or later:
        spec["initContainers"] = [*first, *later]
    spec["volumes"] = [*(spec.get("volumes") or ()), *volumes]
    if attachment.architecture and not request.architecture:
        spec["nodeSelector"] = {**(spec.get("nodeSelector") or {}), _ARCHITECTURE: attachment.architecture}
    annotations[names.ATTACHED] = _summary(attachment, ways, say_whose=say_whose)
    return {**pod, "metadata": {**metadata, "annotations": annotations}, "spec": spec}


def json_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Manifest]:
    """Return the changes of `attach` as a JSON Patch (RFC 6902): whole fields, which "add" replaces if they exist."""
    fields = [("metadata", "annotations"), *(("spec", name) for name in sorted(after["spec"]))]
    return [
        {"op": "add", "path": f"/{part}/{name}", "value": after[part][name]}
        for part, name in fields
        if after[part].get(name) != before[part].get(name)
    ]


def _image_name(slug: str) -> str:
    return _IMAGE_PREFIX + slug.lower()


def _image_volume(slug: str, image: str) -> Manifest:
    # A digest is always the same bytes, so what is on the node is not asked for again.
    return {"name": _image_name(slug), "image": {"reference": image, "pullPolicy": "IfNotPresent"}}


def _equipped(container: Mapping[str, Any], mounts: Sequence[Manifest], paths: Sequence[str], tail: str) -> Manifest:
    """Return the container with the volumes, read-only, and PYTHONPATH, which keeps its earlier value."""
    mounted = [*(container.get("volumeMounts") or ()), *mounts]
    return {**container, "volumeMounts": mounted, "env": _environment(container, paths, tail)}


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
        # The content of a ConfigMap or Secret is known to the kubelet alone, which puts it here if it is there.
        sources = container.get("envFrom") or ()
        possible = any("PYTHONPATH".startswith(source.get("prefix", "")) for source in sources)
        changed.append({"name": "PYTHONPATH", "value": _joined(paths, "$(PYTHONPATH)" if possible else "", tail)})
    return changed


def _joined(paths: Sequence[str], *more: str) -> str:
    return ":".join([*paths, *(part for part in more if part)])


def _summary(attachment: Attachment, ways: Ways, *, say_whose: bool) -> str:
    packages = [
        {"slug": p.slug}
        | ({"namespace": p.key.namespace, "name": p.key.name} if say_whose else {})
        | {"sha256": p.artifact.sha256}
        | _way(p.slug, ways, say_why=say_whose)
        for p in attachment.packages
    ]
    flow = (
        {"flow": {"deployment": attachment.flow.deployment, "sha256": attachment.flow.sha256}}
        if attachment.flow
        else {}
    )
    return json.dumps({"packages": packages, **flow}, separators=(",", ":"))


def _way(slug: str, ways: Ways, *, say_why: bool) -> dict[str, str]:
    if slug in ways.images:
        return {"by": AttachMode.IMAGE_VOLUME, "image": ways.images[slug]}
    because = ways.because.get(slug, "") if say_why else ""
    return {"by": AttachMode.INIT_CONTAINER, **({"because": because} if because else {})}


def _taken(spec: Mapping[str, Any]) -> Refusal | None:
    for container in [*spec["containers"], *(spec.get("initContainers") or ())]:
        for mount in container.get("volumeMounts") or ():
            path = str(mount.get("mountPath", "")).rstrip("/")
            if path == ROOT or path.startswith(f"{ROOT}/"):
                return refusals.path_taken(container.get("name", ""), path, ROOT)
    return None
