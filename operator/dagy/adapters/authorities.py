"""Certificate authorities that the administrator adds (ConfigMap dagy-ca-bundle)."""

from __future__ import annotations

import os
from pathlib import Path

from dagy_builder.trust import ADDED_NAME


def added_authorities() -> str | None:
    """Their certificates (PEM), where there are any."""
    folder = os.environ.get("DAGY_CA_DIRECTORY")
    file = Path(folder, ADDED_NAME) if folder else None
    return file.read_text() if file and file.is_file() else None
