"""A package as a manifest for Git: what its users decided, and nothing that the cluster or its tools add. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from pydantic.alias_generators import to_camel

from dagy.core.rest.managed_by import is_of_tool
from dagy.model import constants as names
from dagy.model.spec import DepPackageSpec

_OURS = f"{names.GROUP}/"
_KUBECTL = "kubectl.kubernetes.io/"


def manifest_of(package: Mapping[str, Any]) -> dict[str, Any]:
    """Return a manifest that gives the same package when it is applied.

    Fields of the spec are as they are stored; those with the CRD's default are left out. Labels and annotations are the
    users' own: neither requests to the operator, nor what kubectl or a GitOps tool writes by itself.
    """
    metadata, spec = package["metadata"], package["spec"]
    own = {
        part: {key: text for key, text in (metadata.get(part) or {}).items() if not _is_added(key)}
        for part in ("labels", "annotations")
    }
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.DEPPACKAGE_KIND,
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            **{part: entries for part, entries in own.items() if entries},
        },
        "spec": {key: value for key, value in spec.items() if value != _DEFAULTS.get(key, _NO_DEFAULT)},
    }


def _is_added(key: str) -> bool:
    return key.startswith((_OURS, _KUBECTL)) or is_of_tool(key)


def _defaults() -> dict[str, Any]:
    given = {name: field.default for name, field in DepPackageSpec.model_fields.items() if not field.is_required()}
    return {to_camel(name): value.value if isinstance(value, Enum) else value for name, value in given.items()}


_NO_DEFAULT = object()
_DEFAULTS = _defaults()
