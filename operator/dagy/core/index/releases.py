"""The releases of a project as a version selector shows them: their parts, ready specifiers, and what fits. Pure.

`dagy_builder.indexes.page` reads what is on the index's page. What fits a target is decided by the same rules as in the
explanation of a failed resolution (`dagy_builder.explain.availability`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from packaging.tags import Tag
from packaging.version import Version

from dagy.core.requirements.version_mode import VersionMode, caution, version_spec
from dagy.model.rest.index import ReleaseFit
from dagy_builder.explain.availability import excludes, fits, is_older
from dagy_builder.indexes.page import IndexFile, IndexPage
from dagy_builder.target import Target

MOST_RELEASES = 3000
"""Releases in one answer, the newest: boto3, which releases daily, has some 2,000."""

SELECTED_MODES = {"exact": VersionMode.EXACT, "minor": VersionMode.MINOR_RANGE, "major": VersionMode.MAJOR_RANGE}
"""The modes that a release has a specifier for, by the names that the API gives them."""


@dataclass(frozen=True)
class VersionParts:
    """A version as the three dropdowns Major, Minor and Build show it; no two versions have the same three."""

    major: str
    minor: str
    build: str
    """All that is left: further numbers, pre-, post- and dev-release, local version."""


@dataclass(frozen=True)
class ProjectRelease:
    """One release, measured against a target."""

    version: Version
    fit: ReleaseFit
    uploaded: datetime | None
    """When its first file was uploaded; None when the index doesn't tell."""
    yanked: str | None
    """Why all its files were withdrawn (PEP 592), which may be ""; None when they were not."""
    requires_python: str | None
    size: int | None
    """Bytes of the wheel that would be taken, or of its largest file where none would be."""
    allowed: bool
    """Whether its Requires-Python (PEP 345) allows the target's Python, upper bounds as well."""

    @property
    def parts(self) -> VersionParts:
        """Its version in three parts."""
        return parts_of(self.version)

    @property
    def specs(self) -> Mapping[str, str]:
        """Specifiers that are ready to be stored, by `SELECTED_MODES`."""
        return {name: version_spec(self.version, mode) for name, mode in SELECTED_MODES.items()}

    @property
    def caution(self) -> str | None:
        """What somebody should know who takes its major range; of pre-releases and local versions, any range."""
        return caution(self.version, VersionMode.MAJOR_RANGE)


@dataclass(frozen=True)
class ProjectReleases:
    """What an index has of one project, measured against a target."""

    releases: Sequence[ProjectRelease]
    """The newest first."""
    newest: Version | None
    """The newest that is not withdrawn; a pre-release only where there is nothing else."""
    newest_fitting: Version | None
    """The same of those that can be installed for the target."""
    left_out: int
    """Older releases that are not among `releases`."""


def parts_of(version: Version) -> VersionParts:
    """Return the labels of a version; parts that it lacks count as 0, as in `version_spec`."""
    epoch = f"{version.epoch}!" if version.epoch else ""
    rest = ".".join(str(number) for number in version.release[2:]) or "0"
    if version.pre:
        rest += f"{version.pre[0]}{version.pre[1]}"
    rest += f".post{version.post}" if version.post is not None else ""
    rest += f".dev{version.dev}" if version.dev is not None else ""
    rest += f"+{version.local}" if version.local else ""
    return VersionParts(f"{epoch}{version.major}", str(version.minor), rest)


def releases_of(page: IndexPage, target: Target, *, sources: bool, prereleases: bool) -> ProjectReleases:
    """Measure a page against a target. `sources`: whether source distributions may be built.

    Pre-releases are left out unless `prereleases` asks for them or there is nothing else.
    """
    by_version: dict[Version, list[IndexFile]] = {}
    for file in page.files:
        by_version.setdefault(file.version, []).append(file)
    finals = [version for version in by_version if not version.is_prerelease]
    shown = sorted(by_version if prereleases or not finals else finals, reverse=True)
    measure = _Measure(target, sources=sources)
    releases = [measure.release(version, by_version[version]) for version in shown[:MOST_RELEASES]]
    usable = [one for one in releases if one.yanked is None]
    return ProjectReleases(
        releases,
        _newest(usable),
        _newest(one for one in usable if one.allowed and measure.takes(one.fit)),
        len(shown) - len(releases),
    )


def _newest(releases: Iterable[ProjectRelease]) -> Version | None:
    versions = [one.version for one in releases]
    return max([version for version in versions if not version.is_prerelease] or versions, default=None)


class _Measure:
    """A target, and what was found out about files that are alike."""

    def __init__(self, target: Target, *, sources: bool) -> None:
        self._target, self._sources = target, sources
        self._ranks = {tag: rank for rank, tag in enumerate(target.supported_tags())}
        self._languages = frozenset((tag.interpreter, tag.abi) for tag in self._ranks)
        self._judgements: dict[tuple[frozenset[Tag] | None, int], _Judgement] = {}

    def takes(self, fit: ReleaseFit) -> bool:
        """Return whether a release that fits so can be installed."""
        return fit is ReleaseFit.WHEEL or (self._sources and fit is ReleaseFit.ONLY_SDIST)

    def release(self, version: Version, files: Sequence[IndexFile]) -> ProjectRelease:
        """Measure one release."""
        judged = [(file, self._judgement(file)) for file in files]
        withdrawn = [file.withdrawn for file in files if file.withdrawn is not None]
        asked = next((str(file.requires_python) for file in files if file.requires_python), None)
        return ProjectRelease(
            version=version,
            fit=_fit_of([judgement for _, judgement in judged]),
            uploaded=min((file.uploaded for file in files if file.uploaded), default=None),
            yanked=withdrawn[0] if len(withdrawn) == len(files) else None,
            requires_python=asked,
            size=_size_of(judged),
            allowed=any(judgement.allowed for _, judgement in judged),
        )

    def _judgement(self, file: IndexFile) -> _Judgement:
        kind = file.tags, id(file.requires_python)
        known = self._judgements.get(kind)
        if known is None:
            tags = file.tags or ()
            known = self._judgements[kind] = _Judgement(
                wheel=file.tags is not None,
                fits=fits(file, self._target, sources=True),
                for_python=not is_older(self._target, file.requires_python)
                and any((tag.interpreter, tag.abi) in self._languages for tag in tags),
                allowed=not excludes(file.requires_python, self._target),
                rank=min((self._ranks[tag] for tag in tags if tag in self._ranks), default=len(self._ranks)),
            )
        return known


@dataclass(frozen=True)
class _Judgement:
    """What is true of all files with the same tags and Requires-Python."""

    wheel: bool
    fits: bool
    """It can be installed; of a source distribution: if it may be built."""
    for_python: bool
    """It is a wheel for the target's Python, on whatever platform."""
    allowed: bool
    rank: int
    """How specific its tags are; the lower, the better."""


def _fit_of(judgements: Iterable[_Judgement]) -> ReleaseFit:
    found = set(judgements)
    if any(one.wheel and one.fits for one in found):
        return ReleaseFit.WHEEL
    if any(one.fits for one in found):
        return ReleaseFit.ONLY_SDIST
    return ReleaseFit.NO_WHEEL if any(one.for_python for one in found) else ReleaseFit.OTHER_PYTHON


def _size_of(judged: Sequence[tuple[IndexFile, _Judgement]]) -> int | None:
    fitting = [(judgement.rank, file.size) for file, judgement in judged if judgement.wheel and judgement.fits]
    if fitting:
        return min(fitting, key=lambda one: one[0])[1]
    return max((file.size for file, _ in judged if file.size is not None), default=None)
