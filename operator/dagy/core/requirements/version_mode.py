"""The four ways to ask for a version: exact, minor range, major range, any. Everything else is custom.

The rules follow the guide's table; docs/requirements.md shows their specifiers for every kind of version (PEP 440).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from packaging.specifiers import SpecifierSet
from packaging.version import Version


class VersionMode(StrEnum):
    """The range in which a dependency's version may vary."""

    EXACT = "exact"
    MINOR_RANGE = "minor-range"
    MAJOR_RANGE = "major-range"
    ANY = "any"
    CUSTOM = "custom"


@dataclass(frozen=True)
class Recognized:
    """A specifier as the version selector shows it."""

    mode: VersionMode
    version: Version | None = None
    """The pinned version, or the lower bound of a range; None for any and custom."""


def version_spec(version: Version, mode: VersionMode) -> str:
    """Return the specifier that a mode stands for at a version, e.g. 2.31.0 and minor range: ">=2.31.0,<2.32.0".

    Parts that the version lacks count as 0. A range begins at the first release of the series; a pre-release isn't in
    there, so its range begins at the pre-release itself. Ranges take no notice of a local version ("+cu118"), which
    PEP 440 forbids in them. Raises ValueError for CUSTOM, which no version decides.
    """
    epoch = f"{version.epoch}!" if version.epoch else ""
    match mode:
        case VersionMode.EXACT:
            return f"=={version}"
        case VersionMode.MINOR_RANGE:
            start, end = f"{version.major}.{version.minor}.0", f"{version.major}.{version.minor + 1}.0"
        case VersionMode.MAJOR_RANGE:
            start, end = f"{version.major}.0.0", f"{version.major + 1}.0.0"
        case VersionMode.ANY:
            return ""
        case VersionMode.CUSTOM:
            raise ValueError("a custom specifier is kept as it is; no version decides it")
    lower = version.public if version.is_prerelease else f"{epoch}{start}"
    return f">={lower},<{epoch}{end}"


def recognize(specifier: SpecifierSet) -> Recognized:
    """Return the mode of a specifier.

    Trailing zeros don't matter (">=3.0,<4.0" is a major range). A specifier that its mode would have written
    otherwise is CUSTOM, to be kept as it is.
    """
    if not specifier:
        return Recognized(VersionMode.ANY)
    lower = {one.operator: one.version for one in specifier}.get(">=" if len(specifier) > 1 else "==")
    if lower is None or lower.endswith(".*"):
        return Recognized(VersionMode.CUSTOM)
    version = Version(lower)
    for mode in (VersionMode.EXACT, VersionMode.MINOR_RANGE, VersionMode.MAJOR_RANGE):
        if SpecifierSet(version_spec(version, mode)) == specifier:
            return Recognized(mode, version)
    return Recognized(VersionMode.CUSTOM)


def caution(version: Version, mode: VersionMode) -> str | None:
    """Return a caution for somebody who picks this mode for this version, in one sentence; None when there is none."""
    if mode is VersionMode.ANY:
        return "Each build takes the latest version, so two builds may differ."
    if mode is VersionMode.MAJOR_RANGE and version.major == 0:
        return "A 0.x package may change its API with each minor version; a minor range is safer."
    if mode in {VersionMode.MINOR_RANGE, VersionMode.MAJOR_RANGE}:
        if version.is_prerelease:
            return "The range begins at a pre-release, so that later pre-releases are taken as well."
        if version.local:
            return f'A range cannot ask for the local version "+{version.local}"; pin it to be sure of it.'
    return None
