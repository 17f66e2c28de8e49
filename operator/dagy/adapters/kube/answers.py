"""What the Kubernetes API answers: its refusals, and objects as far as they are of use."""

from __future__ import annotations

import json
from typing import Any

from dagy.model import constants as names

Json = dict[str, Any]


class KubeError(Exception):
    """The API server's refusal: `status` is the HTTP status, `reason` Kubernetes' own word for it."""

    def __init__(self, status: int, reason: str, message: str, causes: tuple[Json, ...] = ()) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason
        self.causes = causes
        """Each {reason, message, field} (metav1.StatusCause)."""

    def again(self) -> KubeError:
        """The same, raised by nobody yet: one that was raised holds what the functions held that it came through."""
        return KubeError(self.status, self.reason, str(self), self.causes)

    @property
    def too_large(self) -> bool:
        """Whether the object is larger than the API server takes, or etcd, whose refusal comes as an error 500."""
        return self.status == 413 or (self.status == 500 and "request is too large" in str(self))


def slim(item: Json) -> Json:
    """The item without what others wrote beside an object, which is up to 256 kB of each."""
    metadata = item["metadata"]
    metadata.pop("managedFields", None)
    annotations = metadata.get("annotations") or {}
    metadata["annotations"] = {key: value for key, value in annotations.items() if f"{names.GROUP}/" in key}
    return item


def kube_error(status: int | None, body: bytes | str | None, reason: str | None) -> KubeError:
    """The refusal with that status, body and reason."""
    try:
        data = json.loads(body or "")
        causes = tuple((data.get("details") or {}).get("causes") or ())
        return KubeError(status or 0, str(data.get("reason", "")), str(data.get("message", "")), causes)
    except (ValueError, AttributeError):
        return KubeError(status or 0, reason or "", f"{status} {reason}")
