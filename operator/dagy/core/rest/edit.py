"""What REST requests make of a package: name, list of dependencies, merge patch; and which ones a list shows. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dagy.core.common.json_text import read_json
from dagy.core.requirements import RequirementError, parse_dependency
from dagy.model.status import Phase

_NAME_LENGTH = 63  # the longest that can be a label and a host name as well


def name_from(display_name: str | None) -> str | None:
    """A Kubernetes name (RFC 1123 label) out of a name for people, e.g. "ML Pipeline Deps" to "ml-pipeline-deps".

    None when nothing of it can be kept.
    """
    ascii_only = unicodedata.normalize("NFKD", display_name or "").encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", ascii_only.lower())
    return "-".join(words)[:_NAME_LENGTH].strip("-") or None


def deduplicated(dependencies: Sequence[str]) -> list[str]:
    """The list as it is stored: of several requirements with one normalized name (PEP 503) the last.

    Requirements with an environment marker are kept beside each other, because different targets may need them all, and
    so is what cannot be read: the operator tells what is wrong with it. An extra list entry is never lost silently.
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
    """JSON merge patch (RFC 7396): objects are merged, null removes, everything else replaces."""
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
    """Which packages a list shows."""

    search: str = ""
    """All its words must occur in name, display name, description, slug or dependencies."""
    phase: str | None = None
    python_version: str | None = None

    def shows(self, package: Mapping[str, Any]) -> bool:
        """Whether this DepPackage is shown. Told from the object as it came: building 10,000 answers takes seconds."""
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


@dataclass(frozen=True)
class Cursor:
    """Where a list goes on: the API server's token of a page, and how many of its items were looked at already."""

    token: str = ""
    skip: int = 0

    def encode(self) -> str:
        """As the client sees it: opaque."""
        return base64.urlsafe_b64encode(json.dumps([self.token, self.skip]).encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Cursor:
        """Raises ValueError for a text that `encode` did not make."""
        try:
            token, skip = read_json(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (binascii.Error, TypeError, ValueError) as error:
            raise ValueError("not a cursor") from error
        if not isinstance(token, str) or type(skip) is not int or not 0 <= skip <= 10_000:
            raise ValueError("not a cursor")
        return cls(token, skip)
