"""Creating once, however often it is asked for: the mark that a request leaves on what it makes. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from dagy.model import constants as names

PATTERN = "^[A-Za-z0-9._:-]{1,64}$"
"""Of a header Idempotency-Key."""


def mark(caller: str, key: str) -> dict[str, str]:
    """Annotations of what a caller's request with this key makes: a digest, so that nobody else can repeat the key."""
    digest = hashlib.sha256(f"{caller}\n{key}".encode()).hexdigest()
    return {names.ANNOTATION_IDEMPOTENCY: digest[:32]}


def has_made(marked: Mapping[str, str], obj: Mapping[str, Any]) -> bool:
    """Whether the request with this mark has made the object, which is not on its way out."""
    annotations = obj["metadata"].get("annotations") or {}
    return "deletionTimestamp" not in obj["metadata"] and marked.items() <= annotations.items()
