"""What a browser sends for a page of another site. Pure."""

from __future__ import annotations

from collections.abc import Mapping

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, 9.2.1)."""


def is_foreign(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser says that another site's page asks for a change; `headers` has lower-case names.

    Browsers say so with Sec-Fetch-Site (Fetch Metadata) over TLS and to localhost, and with Origin everywhere. Clients
    that are no browsers send neither.
    """
    if method in SAFE_METHODS:
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site != "same-origin"
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower()
