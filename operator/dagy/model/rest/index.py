"""REST bodies of the package index: names that were found, and the releases of a project."""

from enum import StrEnum

from dagy.model.rest.base import RestModel
from dagy_builder.platforms import Architecture, PythonVersion


class IndexState(StrEnum):
    """How much of the index a search finds."""

    COMPLETE = "complete"
    REFRESHING = "refreshing"
    EXACT_ONLY = "exact-only"
    OFFLINE = "offline"
    OFF = "off"


class IndexMatch(StrEnum):
    """Why a name is among the answers."""

    EXACT = "exact"
    ALIAS = "alias"
    PREFIX = "prefix"
    WORD = "word"
    INSIDE = "inside"
    TYPO = "typo"


class ReleaseFit(StrEnum):
    """Whether a release can be installed for a target."""

    WHEEL = "wheel"
    ONLY_SDIST = "only-sdist"
    OTHER_PYTHON = "other-python"
    NO_WHEEL = "no-wheel"


class IndexHit(RestModel):
    """A project that was found."""

    name: str
    """Normalized name (PEP 503)."""
    match: IndexMatch
    """exact: it is what was typed. alias: a module of that name is published by it. prefix, word, inside: it begins so, has a word that begins so, or has that in it. typo: one letter is different."""  # noqa: E501
    alias: str | None = None
    """alias: the module's name."""
    popular: bool
    """Whether it is in the administrator's list of popular packages."""
    used_here: bool
    """Whether a package that the caller may list asks for it."""


class IndexSearch(RestModel):
    """Projects of the index that the administrator has configured, the likeliest first."""

    items: list[IndexHit]
    """At most 20. What is not there may exist all the same, unless `state` is complete."""
    state: IndexState
    """complete: all names of the index were searched. refreshing: they are being loaded; ask again in a moment. exact-only: the index gives no list of its names, so that only the very name is found. offline: the index does not answer. off: the administrator has switched it off. Names that the caller's packages use are found in any case."""  # noqa: E501
    message: str | None = None
    """What is the matter with the index, in a sentence."""
    as_of: str | None = None
    """When the index told its names (RFC 3339)."""
    names: int
    """How many names were searched."""


class ReleaseSpecs(RestModel):
    """Version specifiers that are ready to be stored."""

    exact: str
    """This release and no other."""
    minor: str
    """Its minor range: later builds as well."""
    major: str
    """Its major range: later minor versions as well."""


class IndexRelease(RestModel):
    """A release of a project, measured against a target."""

    version: str
    """Normalized version (PEP 440)."""
    major: str
    """First number of the version, after its epoch if it has one."""
    minor: str
    """Second number."""
    build: str
    """All that is left of it: further numbers, pre-, post- and dev-release, local version."""
    prerelease: bool
    """Whether it is a pre-release or a dev-release."""
    uploaded: str | None = None
    """When its first file was uploaded (RFC 3339); null when the index doesn't tell."""
    yanked: bool
    """Whether its authors have withdrawn it (PEP 592): it is taken only when it is asked for exactly."""
    yanked_reason: str | None = None
    """Why, in their words."""
    requires_python: str | None = None
    """The Python versions that it is for (PEP 345)."""
    fits: ReleaseFit
    """wheel: it can be installed. only-sdist: there is only source, which is built where the package allows that. other-python: it is for other versions of Python. no-wheel: it has wheels, but none for this platform."""  # noqa: E501
    size: int | None = None
    """Bytes of the wheel that would be taken, or of its largest file; null when the index doesn't tell."""
    specs: ReleaseSpecs
    """Specifiers for it."""
    caution: str | None = None
    """What to know before its major range is taken; of a pre-release or a local version, before any range is."""


class IndexProject(RestModel):
    """What the index has of a project."""

    name: str
    """Normalized name (PEP 503)."""
    python_version: PythonVersion
    """The Python version that it was measured for."""
    architecture: Architecture
    """The CPU that it was measured for."""
    glibc: str
    """The glibc that it was measured for."""
    status: str | None = None
    """What is said of the project as a whole (PEP 792), such as archived; null when nothing is."""
    newest: str | None = None
    """The newest release; a pre-release only where there is nothing else."""
    newest_fitting: str | None = None
    """The newest release that can be installed for the target; null when none can."""
    releases: list[IndexRelease]
    """The newest first; pre-releases when they were asked for or there is nothing else."""
    left_out: int = 0
    """How many older releases are not listed."""
