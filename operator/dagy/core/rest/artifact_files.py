"""An artifact's lock, files and record as the API shows them, and the difference of two artifacts. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from dagy.core.common.json_text import read_json
from dagy.model.rest.artifacts import (
    ArtifactContents,
    ArtifactDiff,
    ArtifactLock,
    BuildRecord,
    ChangedVersion,
    LockedDistribution,
    NamedVersion,
    PackedDistribution,
    PackedFile,
)

_DIST_INFO = ".dist-info"


class SpoiledError(ValueError):
    """An object of an artifact that isn't what it should be; the message is a sentence."""


def lock_of(text: str, direct: Collection[str]) -> ArtifactLock:
    """Return the packages of a lock (pylock.toml, PEP 751). `direct` are names of the list. Raises SpoiledError."""
    try:
        packages = [_locked(one, direct) for one in tomllib.loads(text)["packages"]]
    except (tomllib.TOMLDecodeError, LookupError, TypeError, AttributeError, ValueError) as error:
        raise SpoiledError(f"The lock can't be read ({type(error).__name__}).") from error
    return ArtifactLock(packages=sorted(packages, key=lambda one: one.name))


def _locked(package: Mapping[str, Any], direct: Collection[str]) -> LockedDistribution:
    file = (package.get("wheels") or [package.get("sdist") or package.get("archive") or {}])[0]
    name, version = canonicalize_name(str(package["name"])), package.get("version")
    return LockedDistribution(
        name=name,
        version=None if version is None else str(version),
        direct=name in direct,
        wheel=unquote(PurePosixPath(urlsplit(str(file.get("url", ""))).path).name),
        size_bytes=file.get("size"),
        sha256=file.get("hashes", {}).get("sha256"),
    )


def versions_in(paths: Iterable[str]) -> dict[str, str]:
    """Return name and version of each distribution whose metadata is among the paths (PEP 376)."""
    folders = {path.partition("/")[0] for path in paths}
    named = (folder.removesuffix(_DIST_INFO).rpartition("-") for folder in folders if folder.endswith(_DIST_INFO))
    return {canonicalize_name(name): version for name, _, version in named if name}


def contents_of(files: list[PackedFile], owners: Mapping[str, str]) -> ArtifactContents:
    """Return the files with what each distribution takes. `owners`: the distribution of each path."""
    sizes: dict[str, list[int]] = {}
    for file in files:
        owner = owners.get(file.path)
        if owner is not None:
            sizes.setdefault(owner, []).append(file.size)
    versions = versions_in(file.path for file in files)
    found = [
        PackedDistribution(name=name, version=versions.get(name), bytes=sum(taken), files=len(taken))
        for name, taken in sizes.items()
    ]
    return ArtifactContents(files=files, distributions=sorted(found, key=lambda one: (-one.bytes, one.name)))


def record_of(data: bytes) -> BuildRecord:
    """Return a build.json. Raises SpoiledError."""
    try:
        fields = read_json(data)
        with_ = fields.get("builtWith") or {}
        told = {
            "built_at": fields.get("builtAt"),
            "source_distributions": fields.get("sourceDistributions"),
            "seconds": {str(step): float(seconds) for step, seconds in (fields.get("seconds") or {}).items()},
            "python": with_.get("python"),
            "uv": with_.get("uv"),
            # Earlier versions wrote it as `image`, which is the artifact's own by now.
            "image": fields.get("builderImage", fields.get("image")) or None,
        }
        return BuildRecord.model_validate(told)
    except (ValueError, TypeError, AttributeError) as error:
        raise SpoiledError(f"The record can't be read ({type(error).__name__}).") from error


def diff(
    before: ArtifactLock, after: ArtifactLock, sizes_before: Mapping[str, int], sizes_after: Mapping[str, int]
) -> ArtifactDiff:
    """Return how two artifacts differ. Sizes are bytes by name, as far as they are known."""
    old, new = ({one.name: one for one in lock.packages} for lock in (before, after))

    def alone(these: Mapping[str, LockedDistribution], names: set[str], sizes: Mapping[str, int]) -> list[NamedVersion]:
        return [NamedVersion(name=one, version=these[one].version, bytes=sizes.get(one)) for one in sorted(names)]

    return ArtifactDiff(
        added=alone(new, new.keys() - old.keys(), sizes_after),
        removed=alone(old, old.keys() - new.keys(), sizes_before),
        changed=[
            ChangedVersion(
                name=name,
                from_version=old[name].version,
                to_version=new[name].version,
                direction=_direction(old[name].version, new[name].version),
                bytes_from=sizes_before.get(name),
                bytes_to=sizes_after.get(name),
            )
            for name in sorted(old.keys() & new.keys())
            if (old[name].version, old[name].sha256) != (new[name].version, new[name].sha256)
        ],
    )


def _direction(before: str | None, after: str | None) -> Literal["up", "down", "same"] | None:
    if before is None or after is None:
        return None
    try:
        old, new = Version(before), Version(after)
    except InvalidVersion:
        return None
    return "same" if old == new else "up" if old < new else "down"
