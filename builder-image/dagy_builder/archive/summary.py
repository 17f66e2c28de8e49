"""What `package` leaves for `upload`: the files' names and the summary. Nothing that packs is imported here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

ARTIFACT, CONTENTS, SBOM = "artifact.zip", "contents.txt.gz", "sbom.cdx.json"
_SUMMARY = "package.json"


@dataclass(frozen=True)
class PackageSummary:
    """The facts of a ZIP that `package` made; hashes are hex, sizes bytes."""

    sha256: str
    content_sha256: str
    size_bytes: int
    uncompressed_bytes: int
    file_count: int
    package_count: int
    zip_importable: bool
    warnings: tuple[str, ...] = ()
    """Warnings for its user, each a sentence or two."""


def write_summary(summary: PackageSummary, out: Path) -> None:
    """Leave the summary beside the ZIP."""
    (out / _SUMMARY).write_text(json.dumps(asdict(summary)))


def read_summary(out: Path) -> PackageSummary:
    """Return the summary that `package` wrote."""
    told = json.loads((out / _SUMMARY).read_text())
    return PackageSummary(**{**told, "warnings": tuple(told["warnings"])})
