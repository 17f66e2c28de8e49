"""REST bodies about what lies in an artifact: its lock, its files, its record, and how it differs from another one."""

from typing import Literal

from dagy.model.rest.base import RestModel


class LockedDistribution(RestModel):
    """One package of a lock."""

    name: str
    """Normalized name (PEP 503)."""
    version: str | None = None
    """Its version; null where a URL says nothing of one."""
    direct: bool
    """Whether the package's present list asks for it; else another one brings it."""
    wheel: str
    """Name of the file that was installed."""
    size_bytes: int | None = None
    """Size of that file in bytes; null where the lock doesn't tell."""
    sha256: str | None = None
    """SHA-256 of that file, in hex."""


class ArtifactLock(RestModel):
    """The lock of an artifact."""

    packages: list[LockedDistribution]
    """Sorted by name."""


class PackedFile(RestModel):
    """A file in the ZIP."""

    path: str
    """Its path."""
    size: int
    """Its size in bytes."""
    compressed: int
    """Bytes that it takes in the ZIP."""


class PackedDistribution(RestModel):
    """A package with what it takes."""

    name: str
    """Normalized name (PEP 503)."""
    version: str | None = None
    """Its version."""
    bytes: int
    """Bytes of its files, unpacked."""
    files: int
    """How many these are."""


class ArtifactContents(RestModel):
    """What lies in a ZIP."""

    files: list[PackedFile]
    """In the order of the ZIP, which is that of the paths."""
    distributions: list[PackedDistribution]
    """The largest first. Files that no package claims are in none."""


class BuildRecord(RestModel):
    """How an artifact was built. Earlier releases of DAGY recorded less."""

    built_at: str | None = None
    """When (RFC 3339)."""
    python: str | None = None
    """Version of the Python that built it."""
    uv: str | None = None
    """Version of uv."""
    image: str | None = None
    """The builder image."""
    source_distributions: str | None = None
    """Forbid or Allow."""
    seconds: dict[str, float] = {}
    """Seconds that each step took, by its name."""


class NamedVersion(RestModel):
    """A package that one of two artifacts has."""

    name: str
    """Normalized name (PEP 503)."""
    version: str | None = None
    """Its version."""
    bytes: int | None = None
    """Bytes of its files, unpacked; null when the ZIP can't be looked into any more."""


class ChangedVersion(RestModel):
    """A package that two artifacts have, in two versions or files."""

    name: str
    """Normalized name (PEP 503)."""
    from_version: str | None = None
    """Its version in the earlier one."""
    to_version: str | None = None
    """Its version in the later one."""
    direction: Literal["up", "down", "same"] | None = None
    """Whether the later version is the higher one (PEP 440); same for other files of one version, null when unknown."""
    bytes_from: int | None = None
    """Bytes of its files in the earlier one, unpacked."""
    bytes_to: int | None = None
    """The same in the later one."""


class ArtifactDiff(RestModel):
    """How two artifacts of a package differ."""

    added: list[NamedVersion]
    """Packages that only the later one has."""
    removed: list[NamedVersion]
    """Packages that only the earlier one has."""
    changed: list[ChangedVersion]
    """Packages of which they have other versions, or other files."""
