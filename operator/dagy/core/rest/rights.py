"""What a caller may do, out of Kubernetes' answers, and until when a token says that it lasts. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from dagy.core.common.json_text import read_json
from dagy.core.common.timestamp import timestamp
from dagy.model import constants as names

VERBS = ("create", "delete", "get", "list", "patch", "update", "watch")
"""What can be done with our kinds."""


def verbs_in(rules: Iterable[Mapping[str, Any]], plural: str) -> frozenset[str]:
    """What ResourceRules of a SelfSubjectRulesReview allow with all objects of one of our kinds."""
    found: set[str] = set()
    for rule in rules:
        groups, resources = rule.get("apiGroups") or (), rule.get("resources") or ()
        ours = {names.GROUP, "*"} & set(groups) and {plural, "*"} & set(resources)
        if ours and not rule.get("resourceNames"):
            verbs = set(rule.get("verbs") or ())
            found |= set(VERBS) if "*" in verbs else verbs & set(VERBS)
    return frozenset(found)


def token_end(token: str) -> str | None:
    """When a token says that it ends (RFC 7519, `exp`), in RFC 3339; None when it says nothing that can be read.

    Nobody has checked it: it is for showing.
    """
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = read_json(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        end = claims.get("exp") if isinstance(claims, dict) else None
        if isinstance(end, bool) or not isinstance(end, int | float):
            return None
        return timestamp(datetime.fromtimestamp(end, UTC), micro=False)
    except (binascii.Error, ValueError, OverflowError, OSError):
        return None
