"""A DepPackage manifest from a list of dependencies, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from dagy.core.requirements.dependency import Dependency
from dagy.core.requirements.files.foreign import foreign_document
from dagy.core.requirements.files.merge import LIST_IS_FULL, excess
from dagy.model.constants import API_VERSION, DEPPACKAGE_KIND

# A DNS subdomain (RFC 1123), which is what the API server asks of a name.
_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_MAX_NAME_LENGTH = 253


class ManifestError(ValueError):
    """No manifest can be made of this, or this isn't one. The message is for people."""


def to_manifest(name: str, python_version: str, dependencies: Sequence[Dependency]) -> dict[str, Any]:
    """A DepPackage as kubectl applies it, with the dependencies in canonical form, sorted by name.

    Raises ManifestError for a name that Kubernetes refuses, and for more dependencies than a package may hold, or none.
    """
    if len(name) > _MAX_NAME_LENGTH or _NAME.fullmatch(name) is None:
        raise ManifestError(
            f"The name of a package has at most {_MAX_NAME_LENGTH} lower-case letters, digits, '-' and '.', "
            'and begins and ends with a letter or digit, e.g. "ml-pipeline".'
        )
    if not dependencies:
        raise ManifestError("There is no requirement in the list; a package needs at least one.")
    if excess(dependencies):
        raise ManifestError(f"The list has {len(dependencies)} requirements. {LIST_IS_FULL}")
    return {
        "apiVersion": API_VERSION,
        "kind": DEPPACKAGE_KIND,
        "metadata": {"name": name},
        "spec": {
            "pythonVersion": python_version,
            "dependencies": [str(one) for one in sorted(dependencies, key=lambda one: one.normalized_name)],
        },
    }


def requirements_in(manifest: object) -> tuple[str, ...]:
    """Return the texts of spec.dependencies. Raises ManifestError for anything that isn't a DepPackage."""
    if foreign := foreign_document(manifest):
        raise ManifestError(f"{foreign.message} {foreign.hint}")
    if not isinstance(manifest, Mapping) or manifest.get("kind") != DEPPACKAGE_KIND:
        raise ManifestError(f"The manifest is not a {DEPPACKAGE_KIND}. Give one with kind: {DEPPACKAGE_KIND}.")
    spec = manifest.get("spec")
    dependencies = spec.get("dependencies", []) if isinstance(spec, Mapping) else None
    if not isinstance(dependencies, list) or not all(isinstance(one, str) for one in dependencies):
        raise ManifestError("The manifest's spec.dependencies is not a list of texts. Quote each entry.")
    return tuple(dependencies)
