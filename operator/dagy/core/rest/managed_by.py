"""Who else decides about an object, so that a change by hand would be undone: Flux, Argo CD or Helm. Pure.

Told from what each of them writes: Flux' labels (kustomize-controller, helm-controller), Argo CD's tracking
annotation or label, Helm's annotations and label. Where none is there, from the field managers of the spec.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LENGTH = 200
_FLUX = (
    ("kustomize.toolkit.fluxcd.io", "Flux Kustomization"),
    ("helm.toolkit.fluxcd.io", "Flux HelmRelease"),
)
_ARGO_TRACKING, _ARGO_INSTANCE = "argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance"
_ARGO = "Argo CD Application"
_HELM_NAME, _HELM_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
_HELM = "Helm release"
_MANAGED_BY = "app.kubernetes.io/managed-by"
_WRITTEN = frozenset({_ARGO_TRACKING, _ARGO_INSTANCE, _HELM_NAME, _HELM_NAMESPACE, _MANAGED_BY})
_MANAGERS = {
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "helm": "Helm",
}


def managed_by(obj: Mapping[str, Any]) -> str | None:
    """The tool and what of it, e.g. "Flux Kustomization flux-system/apps"; None when the object is its users' own."""
    metadata = obj["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    found = _marked(labels, annotations) or _managing(metadata.get("managedFields") or ())
    return " ".join(found.split())[:_LENGTH] if found else None


def is_of_tool(key: str) -> bool:
    """Return True for a label or annotation that such a tool writes by itself."""
    return key in _WRITTEN or key.startswith(tuple(f"{domain}/" for domain, _ in _FLUX))


def _marked(labels: Mapping[str, str], annotations: Mapping[str, str]) -> str | None:
    for domain, kind in _FLUX:
        if name := labels.get(f"{domain}/name"):
            return f"{kind} {labels.get(f'{domain}/namespace', '')}/{name}"
    if tracked := annotations.get(_ARGO_TRACKING):
        return f"{_ARGO} {tracked.partition(':')[0]}"
    if instance := labels.get(_ARGO_INSTANCE):
        return f"{_ARGO} {instance}"
    if release := annotations.get(_HELM_NAME):
        return f"{_HELM} {annotations.get(_HELM_NAMESPACE, '')}/{release}"
    return "Helm" if labels.get(_MANAGED_BY) == "Helm" else None


def _managing(managers: Any) -> str | None:
    """The tool among the field managers that has set something in the spec."""
    for entry in managers:
        tool = _MANAGERS.get(str(entry.get("manager", "")))
        if tool and "f:spec" in (entry.get("fieldsV1") or {}):
            return tool
    return None
