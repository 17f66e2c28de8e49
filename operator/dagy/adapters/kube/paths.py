"""Paths of the Kubernetes API."""

from __future__ import annotations

from urllib.parse import quote

from dagy.model import constants as names

GROUP_PATHS = {"jobs": "/apis/batch/v1", "cronjobs": "/apis/batch/v1", "controllerrevisions": "/apis/apps/v1"}
"""Where the API server serves built-in resources that are not of the core group."""


def deppackage_path(namespace: str, name: str, subresource: str = "") -> str:
    """API path of a DepPackage."""
    return custom_path(names.DEPPACKAGE_PLURAL, namespace, name, subresource)


def flowdeployment_path(namespace: str, name: str = "", subresource: str = "") -> str:
    """API path of a FlowDeployment, or of all of a namespace."""
    return custom_path(names.FLOWDEPLOYMENT_PLURAL, namespace, name, subresource)


def custom_path(plural: str, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
    """API path of one of our kinds: one object, a namespace's collection, or (without namespace) all of them."""
    place = f"/namespaces/{quote(namespace)}" if namespace else ""
    whole = f"/apis/{names.API_VERSION}{place}/{plural}"
    return "/".join(part for part in (whole, quote(name), subresource) if part)


def namespaced(resource: str, namespace: str, name: str = "", subresource: str = "") -> str:
    """API path of a built-in object, e.g. `namespaced("jobs", "dagy-builds")`."""
    parts = [
        f"{GROUP_PATHS.get(resource, '/api/v1')}/namespaces/{quote(namespace)}/{resource}",
        quote(name),
        subresource,
    ]
    return "/".join(part for part in parts if part)
