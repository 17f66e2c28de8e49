"""What may be shown of a text that somebody else wrote: no credentials, no control characters, no endless lines.

Masks too much rather than too little: it works on malformed text as well, where nobody can tell what was meant.
"""

from __future__ import annotations

import re

from dagy_builder.redact import without_userinfo

MASK = "***"
SHOWN_LENGTH = 512
"""Characters; as long as the longest requirement, so that only other things are ever shortened."""

_USERINFO_WITHOUT_SCHEME = re.compile(r"(?<![^\s=,;@(])[^\s/:@]+:(?!//)[^\s@]+@")
# Queries hold the tokens of presigned and shared URLs.
_QUERY = re.compile(r"(:/?/?[^\s?]*)\?\S*")


def redact(text: str) -> str:
    """`text` with the user names, passwords and queries of all URLs masked, on one printable line.

    A short printable text without URLs comes back as it is. A longer one than `SHOWN_LENGTH` keeps its beginning.
    """
    if len(text) > SHOWN_LENGTH:
        # A cut could fall between a password and the "@" that gives it away, so nothing after a ":" is shown.
        text = f"{text[:60].partition(':')[0]}…"
    if ":" in text:
        text = without_userinfo(text, MASK)
        text = _USERINFO_WITHOUT_SCHEME.sub(f"{MASK}@", text)
        text = _QUERY.sub(rf"\1?{MASK}", text)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return text


def common_prefix(one: str, other: str) -> int:
    """Number of leading characters that both texts share."""
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))
