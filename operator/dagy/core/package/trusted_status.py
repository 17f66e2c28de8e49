"""Trusted part of a status: whoever may write it could point at other people's objects. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagy.core.common.keys import PackageHome
from dagy.core.package.status_cache import status_in
from dagy.model.status import ArtifactStatus, DepPackageStatus


def trusted_status(package: Mapping[str, Any], home: PackageHome) -> DepPackageStatus:
    """Return the package's status without references to objects that are not the package's.

    A status that says such things remembers nothing of the spec either, so that S3 is asked again for all of it.
    """
    said = status_in(package)
    artifact = said.artifact if said.artifact and _is_ours(said.artifact, home) else None
    history = [old for old in said.history if _is_ours(old, home)]
    believed = said.model_copy(
        update={
            "slug": home.slug,
            "artifact": artifact,
            "history": history,
            "lost": said.lost if said.lost and home.artifact_of(said.lost.uri) else None,
            "s3_uri": artifact.uri if artifact else None,
            "validation": _with_own_log(said.validation, home),
            "build": _with_own_log(said.build, home),
        }
    )
    if (artifact, history) == (said.artifact, said.history):
        return believed
    return believed.model_copy(update={"spec_hash": None, "lock_hash": None})


def _is_ours(artifact: ArtifactStatus, home: PackageHome) -> bool:
    return home.owns(artifact.to_json())


def _with_own_log(part: Any, home: PackageHome) -> Any:
    """A part of the status (or None) whose log, if it names one, is the package's."""
    return part.model_copy(update={"log_uri": None}) if part and not home.key_of(part.log_uri) else part
