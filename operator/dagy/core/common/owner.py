"""Which package an object of the build namespace is for: its annotation says it, and may be anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagy.model import constants as names
from dagy.model.base import NamespacedName


def package_of(metadata: Mapping[str, Any]) -> NamespacedName | None:
    """Return the package of a Job, a pod or a ConfigMap; None where its annotation is no namespace and name."""
    parts = str((metadata.get("annotations") or {}).get(names.ANNOTATION_PACKAGE) or "").split("/")
    return NamespacedName(*parts) if len(parts) == 2 and all(parts) else None
