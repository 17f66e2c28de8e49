"""Slugs: the identifiers that people type. Format and choice."""

from __future__ import annotations

import re
import secrets
import string

from dagy.model.spec import SLUG_PATTERN

ALPHABET = string.ascii_uppercase + string.digits
LENGTH = 8


def new_slug() -> str:
    """A random slug; 36**8 (2.8 * 10**12) are possible, so that a collision is rare, and a claim rules it out."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def is_slug(text: str) -> bool:
    """Whether the text has the form of a slug."""
    return re.fullmatch(SLUG_PATTERN, text) is not None
