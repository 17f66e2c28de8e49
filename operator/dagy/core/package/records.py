"""Records of finished builds: build.json in S3, as the operator reads it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dagy.core.common.images import with_own_image
from dagy.core.common.json_text import read_json
from dagy.core.common.keys import PackageHome
from dagy.core.package.reuse import Source
from dagy.model.status import ARTIFACT_WARNINGS, ArtifactStatus
from dagy_builder.redact import one_line
from dagy_builder.sizes import human_size

_WARNING_CHARACTERS = 4000


@dataclass(frozen=True)
class Record:
    """A finished build."""

    artifact: ArtifactStatus
    build_token: str = ""
    """Value of the build request that led to it."""
    reused_from: Source | None = None
    """The package whose artifact it is a copy of."""


@dataclass(frozen=True)
class Missing:
    """A finished build whose ZIP is not in S3 as its record says."""

    record: Record
    found_bytes: int | None = None
    """Size of the object that is there instead; None when there is none."""


def artifact_in(fields: Mapping[str, Any]) -> ArtifactStatus:
    """Return the artifact that a record tells of. Raises ValueError when a field is missing or of another type."""
    warnings = [one_line(str(text), _WARNING_CHARACTERS) for text in fields.get("warnings") or ()]
    artifact = ArtifactStatus.model_validate({**fields, "warnings": warnings[:ARTIFACT_WARNINGS]})
    return artifact.model_copy(update={"size": human_size(artifact.size_bytes)})


def read_record(data: bytes | None, home: PackageHome) -> Record | None:
    """Return the record in build.json; None when it can't be read, or names what is not the package's."""
    if data is None:
        return None
    try:
        fields = read_json(data)
        artifact, origin = artifact_in(fields), fields.get("reusedFrom")
        source = Source(str(origin["name"]), str(origin["slug"])) if origin else None
        token = str(fields.get("buildToken", ""))
    except (ValueError, TypeError, AttributeError, KeyError):
        return None  # somebody has spoiled it: the package is built again, and its record is written anew
    return Record(with_own_image(artifact, home), token, source) if home.owns(artifact) else None
