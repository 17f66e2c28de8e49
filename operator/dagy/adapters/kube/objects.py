"""Objects of the Kubernetes API: their paths, the part of them that is kept, and the API's refusals."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from dagy.model import constants as names

Json = dict[str, Any]
GROUP_PATHS = {"jobs": "/apis/batch/v1", "cronjobs": "/apis/batch/v1", "controllerrevisions": "/apis/apps/v1"}
"""Paths below which the API server serves built-in resources that are not of the core group."""


@dataclass(frozen=True)
class Page:
    """Some objects of a list."""

    items: Sequence[Json]
    following: str
    """Where the next page begins; empty on the last one."""
    version: str
    """The list's resourceVersion, the same on all its pages."""


def deppackage_path(namespace: str, name: str = "", subresource: str = "") -> str:
    """Return the API path of a DepPackage, or of all of a namespace."""
    return custom_path(names.DEPPACKAGE_PLURAL, namespace, name, subresource)


def flowdeployment_path(namespace: str, name: str = "", subresource: str = "") -> str:
    """Return the API path of a FlowDeployment, or of all of a namespace."""
    return custom_path(names.FLOWDEPLOYMENT_PLURAL, namespace, name, subresource)


def custom_path(plural: str, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
    """Return the API path of one of our kinds: one object, a namespace's objects, or (without namespace) all."""
    place = f"/namespaces/{quote(namespace)}" if namespace else ""
    whole = f"/apis/{names.API_VERSION}{place}/{plural}"
    return "/".join(part for part in (whole, quote(name), subresource) if part)


def namespaced(resource: str, namespace: str, name: str = "", subresource: str = "") -> str:
    """Return the API path of a built-in object, e.g. `namespaced("jobs", "dagy-builds")`."""
    parts = [
        f"{GROUP_PATHS.get(resource, '/api/v1')}/namespaces/{quote(namespace)}/{resource}",
        quote(name),
        subresource,
    ]
    return "/".join(part for part in parts if part)


class KubeError(Exception):
    """The API server's refusal: `status` is the HTTP status, `reason` Kubernetes' own word for it."""

    def __init__(self, status: int, reason: str, message: str, causes: tuple[Json, ...] = ()) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason
        self.causes = causes
        """The causes, each {reason, message, field} (metav1.StatusCause)."""

    def again(self) -> KubeError:
        """Return a copy that was never raised: a raised one keeps the values of all functions that it came through."""
        return KubeError(self.status, self.reason, str(self), self.causes)

    @property
    def is_conflict(self) -> bool:
        """True when somebody has changed the object since it was read; a name that is taken is something else."""
        return self.status == 409 and not self.is_taken

    @property
    def is_taken(self) -> bool:
        """True when the object that was to be created has a namesake which is somebody else's."""
        return self.status == 409 and self.reason == "AlreadyExists"

    @property
    def too_large(self) -> bool:
        """True when the object is larger than the API server takes, or etcd, whose refusal comes as an error 500."""
        return self.status == 413 or (self.status == 500 and "request is too large" in str(self))


def slim(item: Json) -> Json:
    """Return the item without managed fields and annotations of others, which can be up to 256 kB of each."""
    metadata = item["metadata"]
    metadata.pop("managedFields", None)
    annotations = metadata.get("annotations") or {}
    metadata["annotations"] = {key: value for key, value in annotations.items() if f"{names.GROUP}/" in key}
    return item


def kube_error(status: int | None, body: bytes | str | None, reason: str | None) -> KubeError:
    """Return the refusal with that status, body and reason."""
    try:
        data = json.loads(body or "")
        causes = tuple((data.get("details") or {}).get("causes") or ())
        return KubeError(status or 0, str(data.get("reason", "")), str(data.get("message", "")), causes)
    except (ValueError, AttributeError):
        return KubeError(status or 0, reason or "", f"{status} {reason}")
