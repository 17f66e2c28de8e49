"""Changes of a package by REST requests (name, list of dependencies, merge patch), and the filter of a list. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dagy.core.common.json_text import read_json
from dagy.core.requirements import RequirementError, parse_dependency
from dagy.model.status import Phase

_NAME_LENGTH = 63  # the longest that can be a label and a host name as well


def name_from(display_name: str | None) -> str | None:
    """Return a Kubernetes name (RFC 1123 label) for a display name, e.g. "ml-pipeline-deps" for "ML Pipeline Deps".

    None when nothing of it can be kept.
    """
    ascii_only = unicodedata.normalize("NFKD", display_name or "").encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", ascii_only.lower())
    return "-".join(words)[:_NAME_LENGTH].strip("-") or None


def deduplicated(dependencies: Sequence[str]) -> list[str]:
    """Return the list as it is stored: of several requirements with one normalized name (PEP 503) the last.

    Requirements with an environment marker are kept beside each other, because different targets may need them all, and
    so are texts that cannot be read: the operator tells their faults. An extra list entry is never lost silently.
    """
    last: dict[str, int] = {}
    names: list[str | None] = []
    for index, text in enumerate(dependencies):
        name = _plain_name(text)
        names.append(name)
        if name:
            last[name] = index
    return [text for index, text in enumerate(dependencies) if names[index] is None or last[str(names[index])] == index]


def _plain_name(text: str) -> str | None:
    try:
        parsed = parse_dependency(text)
    except RequirementError:
        return None
    return None if parsed.marker else parsed.normalized_name


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396): objects are merged, null removes, everything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


@dataclass(frozen=True)
class Filter:
    """The filter of a list of packages."""

    search: str = ""
    """All its words must occur in name, display name, description, slug or dependencies."""
    phase: str | None = None
    python_version: str | None = None

    def shows(self, package: Mapping[str, Any]) -> bool:
        """Return True when this DepPackage is shown, from the object as it came: building 10,000 answers is slow."""
        spec, status = package["spec"], package.get("status") or {}
        if self.phase and (status.get("phase") or Phase.PENDING) != self.phase:
            return False
        if self.python_version and spec.get("pythonVersion") != self.python_version:
            return False
        if not self.search:
            return True
        names = [package["metadata"]["name"], spec.get("displayName"), spec.get("description"), status.get("slug")]
        text = "\n".join(one for one in (*names, *spec.get("dependencies", ())) if one).casefold()
        return all(word in text for word in self.search.casefold().split())


def attaches(deployment: Mapping[str, Any], slug: str) -> bool:
    """Whether a FlowDeployment attaches the package with that slug, pinned (SLUG@sha256) or not.

    What its present revision has counts like what its spec asks for: they differ while a spec can't be deployed.
    """
    deployed = (deployment.get("status") or {}).get("packages") or ()
    asked = (one.partition("@")[0] for one in deployment["spec"].get("depPackageSlugs") or ())
    return slug in asked or any(one["slug"] == slug for one in deployed)


def using(slug: str | None) -> Callable[[Mapping[str, Any]], bool] | None:
    """Return the filter of FlowDeployments that attach the package with that slug; None, for all, without one."""
    return (lambda deployment: attaches(deployment, slug)) if slug else None


@dataclass(frozen=True)
class Cursor:
    """The position where a list goes on: the API server's token of a page, and the number of its items already read."""

    token: str = ""
    skip: int = 0

    def encode(self) -> str:
        """Return the cursor as the client sees it: opaque."""
        return base64.urlsafe_b64encode(json.dumps([self.token, self.skip]).encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Cursor:
        """Read an encoded cursor. Raises ValueError for a text that `encode` did not make."""
        try:
            token, skip = read_json(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (binascii.Error, TypeError, ValueError) as error:
            raise ValueError("not a cursor") from error
        if not isinstance(token, str) or type(skip) is not int or not 0 <= skip <= 10_000:
            raise ValueError("not a cursor")
        return cls(token, skip)
