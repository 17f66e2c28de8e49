"""Which version of DAGY this is."""

from __future__ import annotations

from importlib import metadata


def version() -> str:
    """Return the version of the package that is installed."""
    try:
        return metadata.version("dagy")
    except metadata.PackageNotFoundError:  # in the image the code lies there without its metadata
        return "0.1.0"
