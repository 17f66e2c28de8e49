"""The lock: a pylock.toml (PEP 751) with exactly one file for each package, in one canonical form. Pure.

uv writes every wheel that fits, with a header that names its arguments. Builds are recognised by the lock's hash, so
only the installed files stay here, printed in one way: the same resolution gives the same bytes everywhere.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import tomli_w
from packaging.pylock import (
    Package,
    PackageArchive,
    PackageSdist,
    PackageWheel,
    Pylock,
    PylockSelectError,
    PylockValidationError,
)
from packaging.utils import parse_wheel_filename

from dagy_builder.packed_lock import LockSizeError, pack
from dagy_builder.target import Target


class LockError(ValueError):
    """A lock that can't be used; the message is a sentence."""


class WrongWheelError(LockError):
    """A wheel that was named by its URL doesn't fit the target."""


@dataclass(frozen=True)
class LockedPackage:
    """One package of a lock: normalized name (PEP 503), version, and the file that is installed."""

    name: str
    version: str | None
    file: str
    is_wheel: bool
    uploaded: datetime | None = None
    """The time of the file's upload; None where the index doesn't tell, and in a lock of ours."""


@dataclass(frozen=True)
class Lock:
    """A lock's text with its packages, sorted by name."""

    text: str
    packages: tuple[LockedPackage, ...]

    @property
    def hash(self) -> str:
        """sha256 of the text's bytes, hex: the lock's identity."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def names_versions(self) -> list[dict[str, str | None]]:
        """The packages as JSON-ready values."""
        return [{"name": package.name, "version": package.version} for package in self.packages]


def canonical_lock(uv_text: str, target: Target, index_of: Callable[[str], str | None] = lambda _: None) -> Lock:
    """Return the lock made from uv's: for each package the one file that fits `target` best. Raises LockError.

    `index_of` tells the index that a name comes from. uv leaves it out, but finds files in its cache by it.
    """
    pylock = _read(uv_text)
    chosen: list[tuple[dict[str, Any], LockedPackage]] = []
    try:
        selection = list(pylock.select(environment=_environment(target), tags=target.supported_tags()))
    except PylockSelectError as error:
        raise LockError(f"No file of a locked package fits the target {target.name}: {error}.") from error
    for package, file in selection:
        if not isinstance(file, PackageWheel | PackageSdist | PackageArchive):
            raise LockError(
                f"{package.name} would come from a folder or a repository. Name a released version instead."
            )
        table = _table(package, file)
        if isinstance(file, PackageArchive):
            _check_fits(package.name, file, target)
        elif index := index_of(package.name):
            table["index"] = _public_url(package.name, index)
        chosen.append((table, _locked(table, file)))
    chosen.sort(key=lambda pair: pair[0]["name"])
    document = {
        "lock-version": "1.0",
        "created-by": "dagy",
        "packages": [table for table, _ in chosen],
        # No requires-python: uv would refuse to install for the target with another Python, which it can for wheels.
        "tool": {"dagy": {"target": target.name}},
    }
    text = tomli_w.dumps(document)
    try:
        pack(text)
    except LockSizeError as error:
        raise LockError(
            f"These are {len(chosen):,} packages. {error} `dagy requirements split` makes several packages of a list."
        ) from error
    return Lock(text, tuple(package for _, package in chosen))


def read_lock(text: str, target: Target) -> Lock:
    """A lock that `canonical_lock` made, possibly changed since by somebody. Raises LockError."""
    pylock = _read(text)
    made_for = (pylock.tool or {}).get("dagy", {}).get("target", target.name)
    if made_for != target.name:
        raise LockError(f"The lock was made for {made_for}, not for {target.name}. Validate again to get a new one.")
    packages = []
    for package, file in pylock.select(environment=_environment(target), tags=target.supported_tags()):
        if not isinstance(file, PackageWheel | PackageSdist | PackageArchive):
            raise LockError(f"{package.name} would come from a folder or a repository, which a build never reads.")
        packages.append(_locked(_table(package, file), file))
    return Lock(text, tuple(sorted(packages, key=lambda package: package.name)))


def lock_of(text: str, name: str) -> str:
    """Return the part of a lock that is one package's."""
    document = tomllib.loads(text)
    return tomli_w.dumps({**document, "packages": [one for one in document["packages"] if one["name"] == name]})


def _check_fits(name: str, file: PackageArchive, target: Target) -> None:
    """Wheels of an index are chosen to fit; one that is named by its URL is taken as it is."""
    file_name = _file_name(file.url or "")
    if file_name.endswith(".whl") and parse_wheel_filename(file_name)[3].isdisjoint(target.supported_tags()):
        raise WrongWheelError(
            f"{file_name} is no wheel for {target.description}. Give the URL of one that is, or ask for "
            f"{name} by its version."
        )


def _read(text: str) -> Pylock:
    try:
        document = tomllib.loads(text)
        for package in document.get("packages", ()):
            # Of wheels with the same tags the first one is taken: the latest build has to come first (PEP 427).
            package.get("wheels", []).sort(key=_build_number, reverse=True)
        return Pylock.from_dict(document)
    except (tomllib.TOMLDecodeError, PylockValidationError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise LockError(f"The lock is no valid pylock.toml ({error}). Validate again to get a new one.") from error


def _build_number(wheel: dict[str, Any]) -> tuple[object, str]:
    name = _file_name(wheel["url"])
    return parse_wheel_filename(name)[2], name


def _file_name(url: str) -> str:
    return unquote(PurePosixPath(urlsplit(url).path).name)


def _environment(target: Target) -> Any:
    return dict(target.marker_environment())


def _table(package: Package, file: PackageWheel | PackageSdist | PackageArchive) -> dict[str, Any]:
    name = package.name
    table: dict[str, Any] = {"name": name}
    if package.version is not None:
        table["version"] = str(package.version)
    if package.marker is not None:
        table["marker"] = str(package.marker)
    entry = {"url": _public_url(name, file.url), "hashes": _sha256(name, file.hashes)}
    match file:
        case PackageWheel():
            table["wheels"] = [entry]
        case PackageSdist():
            table["sdist"] = entry
        case PackageArchive():
            table["archive"] = entry | ({"subdirectory": file.subdirectory} if file.subdirectory else {})
    return table


def _locked(table: dict[str, Any], file: PackageWheel | PackageSdist | PackageArchive) -> LockedPackage:
    name = _file_name(file.url or "")
    uploaded = file.upload_time
    if uploaded is not None and uploaded.tzinfo is None:
        uploaded = uploaded.replace(tzinfo=UTC)
    return LockedPackage(table["name"], table.get("version"), name, name.endswith(".whl"), uploaded)


def _sha256(name: str, hashes: Any) -> dict[str, str]:
    if "sha256" not in hashes:
        raise LockError(f"The index gives no SHA-256 for {name}, so what is installed can't be checked.")
    return {"sha256": hashes["sha256"]}


def _public_url(name: str, url: str | None) -> str:
    """Return the URL without credentials: locks are kept and shown."""
    parts = urlsplit(url or "")
    if parts.scheme not in ("https", "http"):
        raise LockError(f"{name} lies at no web address, so a build can't fetch it.")
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, parts.query, parts.fragment))
