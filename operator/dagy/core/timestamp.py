"""Times as Kubernetes writes them. Pure."""

from __future__ import annotations

from datetime import datetime


def timestamp(moment: datetime, *, micro: bool = True) -> str:
    """RFC 3339 in UTC; with microseconds, as Kubernetes' MicroTime, where order matters."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micro else "%Y-%m-%dT%H:%M:%SZ")
