"""Sizes for people: the one form in logs, status, CLI and answers of the API. Pure."""

from __future__ import annotations


def human_size(size: int) -> str:
    """Bytes for people, in powers of 1000: "17 B", "4.2 kB", "58.3 MB"."""
    if size < 1000:
        return f"{size} B"
    value, unit = float(size), ""
    for unit in ("kB", "MB", "GB", "TB"):  # noqa: B007 the last unit stays
        value /= 1000
        if value < 999.95:
            break
    return f"{value:.1f} {unit}"
