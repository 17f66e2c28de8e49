"""Names of packages as people write them: slug, name, or namespace/name. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dagy.client.http.errors import DagyError
from dagy.model.base import NamespacedName
from dagy.model.rest.packages import NAME_PATTERN, NAMESPACE_PATTERN
from dagy.model.spec import SLUG_PATTERN

_SLUG, _NAME, _NAMESPACE = re.compile(SLUG_PATTERN), re.compile(NAME_PATTERN), re.compile(NAMESPACE_PATTERN)


class BadReferenceError(DagyError, ValueError):
    """A text that names nothing; the message says what does."""


@dataclass(frozen=True)
class PackageReference:
    """Meanings of a text. Eight digits can be both; the slug comes first then."""

    slug: str | None
    key: NamespacedName | None


def package_reference(text: str, namespace: str) -> PackageReference:
    """Read slug, name or namespace/name; `namespace` is that of a name alone. Raises BadReferenceError."""
    slug = text if _SLUG.fullmatch(text) else None
    key = _key(text, namespace)
    if slug is None and key is None:
        raise BadReferenceError(
            f'"{text}" is neither a slug (8 letters A-Z and digits, e.g. A1B2C3D4) nor a name or namespace/name in '
            "lower case. `dagy packages list` shows them all."
        )
    return PackageReference(slug, key)


def object_key(text: str, namespace: str, example: str = "my-pipeline") -> NamespacedName:
    """Read name or namespace/name. Raises BadReferenceError."""
    key = _key(text, namespace)
    if key is None:
        raise BadReferenceError(
            f'"{text}" is neither a name nor namespace/name: those have lower-case letters, digits and "-", e.g. '
            f"{example} or team-a/{example}."
        )
    return key


def _key(text: str, namespace: str) -> NamespacedName | None:
    before, slash, after = text.partition("/")
    key = NamespacedName(before, after) if slash else NamespacedName(namespace, text)
    if len(key.name) > 253 or len(key.namespace) > 63:
        return None
    return key if _NAMESPACE.fullmatch(key.namespace) and _NAME.fullmatch(key.name) else None
