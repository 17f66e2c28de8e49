"""Match of a package's files on an index with a wish and a target: one that fits, or the reason that none does. Pure.

The second half says tags of wheels (PEP 425, 600, 656) in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby

from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.version import Version

from dagy_builder.indexes.page import IndexFile
from dagy_builder.platforms import PYTHON_VERSIONS
from dagy_builder.target import Target

_CPYTHON = re.compile(r"(?:cp|py)(\d)(\d+)")
_OTHER = {"pp": "PyPy", "graalpy": "GraalPy", "jy": "Jython", "ip": "IronPython"}
_GLIBC = re.compile(r"manylinux_(\d+)_(\d+)_(\w+)")
_MUSL = re.compile(r"musllinux_(\d+)_(\d+)_(\w+)")
_ALIASES = {"manylinux1": "manylinux_2_5", "manylinux2010": "manylinux_2_12", "manylinux2014": "manylinux_2_17"}
_WINDOWS = {"win32": "Windows (32 bits)", "win_amd64": "Windows", "win_arm64": "Windows on ARM"}
_MAC_CPUS = {"arm64": "arm64", "x86_64": "x86_64", "universal2": "arm64 and x86_64", "intel": "x86_64"}


class Unavailability(StrEnum):
    """The reason that no file of the wanted releases can be taken."""

    NO_RELEASE = "no release matches"
    WITHDRAWN = "all that match were yanked"
    SOURCE_ONLY = "there are source distributions only"
    PYTHON = "no file is for this Python"
    PLATFORM = "no wheel is for this platform"
    NO_WHEEL = "no wheel fits, and which ones there are is not known"


@dataclass(frozen=True)
class IndexMatch:
    """The answer. Where nothing is unavailable, there is a file that fits."""

    unavailable: Unavailability | None
    version: str | None = None
    """The newest release that is wanted; the following is about it."""
    only_one: bool = False
    """True when no other release is wanted."""
    pythons: str = ""
    """The Python versions that its wheels are for, in words."""
    platforms: str = ""
    """The platforms that its wheels for the target's Python are for, in words."""
    requires_python: str = ""
    """Its Requires-Python (PEP 345), when that excludes the target's Python."""
    reason: str = ""
    """The reason that its authors gave for yanking it (PEP 592)."""
    has_source: bool = False
    """True when it has a source distribution."""
    works_with: tuple[str, ...] = ()
    """Other Python versions that packages can have, and for which a wanted release has a file that fits."""
    newest: str | None = None
    """The newest release of all that has a file that fits."""
    latest: str | None = None
    """The newest release of all that its authors allow on the target's Python, whether a file of it fits or not."""
    count: int = 0
    """The number of wanted releases."""
    when_pinned: bool = False
    """True when `version`, which was withdrawn, has a file that fits: it is taken when it is asked for exactly."""
    only_on: str = ""
    """The platforms that there are wheels for, in words, when no release has anything for Linux, sources included."""
    left_out: tuple[str, ...] = ()
    """Releases that are near a bound and outside of it by PEP 440: 1.2.3.post1 and 1.2.3+cpu for ">1.2.3"."""
    known: frozenset[str] = frozenset()
    """All releases, as text."""
    index: str = ""
    """The index that was asked, when there are several: the first one that knows the name."""


def match_files(
    files: Sequence[IndexFile], wanted: SpecifierSet, target: Target, *, sources: bool = False
) -> IndexMatch:
    """Match a package's files with a wish and a target. `sources`: source distributions may be built."""
    versions = {file.version for file in files}
    # Pre-releases count where nothing else matches, for `packaging` as for uv.
    matching = set(wanted.filter(versions))
    offered = [file for file in files if file.version in matching]
    live = [file for file in offered if file.withdrawn is None or _pins(wanted, file.version)]
    if not matching:
        found = IndexMatch(Unavailability.NO_RELEASE, left_out=_left_out(wanted, versions))
    elif not live:
        found = _withdrawn(offered, target, sources)
    elif any(fits(file, target, sources) for file in live):
        found = IndexMatch(None)
    else:
        found = replace(_why_none_fits(live, target, sources), works_with=_works_with(live, target, sources))
    newest = _newest(files, lambda file: fits(file, target, sources) and not excludes(file.requires_python, target))
    latest = _newest(files, lambda file: not excludes(file.requires_python, target))
    known = frozenset(str(version) for version in versions)
    return replace(
        found, count=len(matching), newest=newest, latest=latest, only_on=_only_on(files, target), known=known
    )


def _withdrawn(offered: Sequence[IndexFile], target: Target, sources: bool) -> IndexMatch:
    version = max(file.version for file in offered)
    release = [file for file in offered if file.version == version]
    return IndexMatch(
        Unavailability.WITHDRAWN,
        str(version),
        only_one=len({file.version for file in offered}) == 1,
        reason=next((file.withdrawn for file in release if file.withdrawn), ""),
        when_pinned=any(fits(file, target, sources) for file in release),
    )


def _left_out(wanted: SpecifierSet, versions: Iterable[Version]) -> tuple[str, ...]:
    """At most three releases of the very version that an ordered comparison names, which it does not take."""
    near = {
        version
        for clause in wanted
        if clause.operator in (">", "<", ">=", "<=")
        for version in versions
        if version.base_version == Version(clause.version).base_version
        and version != Version(clause.version)
        and not clause.contains(version, prereleases=True)
    }
    return tuple(str(version) for version in sorted(near, reverse=True)[:3])


def _only_on(files: Sequence[IndexFile], target: Target) -> str:
    tags = {tag for file in files for tag in file.tags or ()}
    if not tags or any(file.tags is None for file in files):
        return ""
    elsewhere = all("linux" not in tag.platform and tag.platform != "any" for tag in tags)
    return platforms_of(tags, target.cpu) if elsewhere else ""


def _why_none_fits(live: Sequence[IndexFile], target: Target, sources: bool) -> IndexMatch:
    """Return the reason that nothing fits, told of the newest release: the newest with wheels, if any has some."""
    versions = {file.version for file in live}
    with_wheels = {file.version for file in live if file.tags is not None}
    version = max(with_wheels or versions)
    release = [file for file in live if file.version == version]
    asked = dict.fromkeys(str(f.requires_python) for f in release if excludes(f.requires_python, target))
    excluded = " or ".join(asked)
    wheels: set[Tag] = set().union(*(file.tags for file in release if file.tags is not None))
    source = any(file.tags is None for file in release)
    found = IndexMatch(
        Unavailability.SOURCE_ONLY, str(version), len(versions) == 1, requires_python=excluded, has_source=source
    )
    if sources and source:
        return replace(found, unavailable=Unavailability.PYTHON)
    if not wheels:
        return found
    languages = {(tag.interpreter, tag.abi) for tag in target.tag_set}
    machines = {tag.platform for tag in target.tag_set}
    for_python = {tag for tag in wheels if (tag.interpreter, tag.abi) in languages}
    here = {tag for tag in wheels if tag.platform in machines}
    too_new = any(is_older(target, file.requires_python) for file in release)
    if for_python and not too_new:
        return replace(found, unavailable=Unavailability.PLATFORM, platforms=platforms_of(for_python, target.cpu))
    elsewhere = "" if here else platforms_of(wheels, target.cpu)
    pythons = "" if for_python else pythons_of(here or wheels)
    return replace(found, unavailable=Unavailability.PYTHON, pythons=pythons, platforms=elsewhere)


def _pins(wanted: SpecifierSet, version: Version) -> bool:
    """Return True when just this version is asked for, which is how one gets a withdrawn release (PEP 592)."""
    return any(clause.operator in ("==", "===") and clause.version == str(version) for clause in wanted)


def fits(file: IndexFile, target: Target, sources: bool) -> bool:
    """Return True when the file can be installed for the target; `sources`: a source distribution may be."""
    if is_older(target, file.requires_python):
        return False
    return sources if file.tags is None else not file.tags.isdisjoint(target.tag_set)


def _newest(files: Sequence[IndexFile], usable: Callable[[IndexFile], bool]) -> str | None:
    usable_versions = [file.version for file in files if file.withdrawn is None and usable(file)]
    finals = [version for version in usable_versions if not version.is_prerelease]
    return str(max(finals or usable_versions)) if usable_versions else None


def _works_with(live: Sequence[IndexFile], target: Target, sources: bool) -> tuple[str, ...]:
    others = [replace(target, python_version=python) for python in PYTHON_VERSIONS if python != target.python_version]
    return tuple(
        other.python_version
        for other in others
        if any(fits(file, other, sources) and not excludes(file.requires_python, other) for file in live)
    )


def excludes(requires: SpecifierSet | None, target: Target) -> bool:
    """Return True when no patch release of the target's Python is among those required."""
    return requires is not None and not any(
        requires.contains(f"{target.python_version}.{patch}", prereleases=True) for patch in (0, 99)
    )


def is_older(target: Target, requires: SpecifierSet | None) -> bool:
    """Return True when the target's Python is too old. uv takes no notice of upper bounds of Requires-Python."""
    own = Version(target.python_version)
    return any(
        clause.operator in (">=", ">", "==", "~=")
        and Version(clause.version.removesuffix(".*")).release[:2] > own.release
        for clause in requires or ()
    )


def pythons_of(tags: Iterable[Tag]) -> str:
    """Return the Python versions that wheels with these tags are for, e.g. "Python 3.7 to 3.10"."""
    minors: set[tuple[int, int]] = set()
    others: set[str] = set()
    for tag in tags:
        match = _CPYTHON.fullmatch(tag.interpreter)
        if match and tag.abi == "abi3":
            others.add(f"{match[1]}.{match[2]} and newer")
        elif match and re.fullmatch(r"cp\d+t", tag.abi):
            others.add(f"{match[1]}.{match[2]} without the GIL")
        elif match and (tag.abi == "none" or re.fullmatch(rf"cp{match[1]}{match[2]}[mu]*", tag.abi)):
            minors.add((int(match[1]), int(match[2])))
        elif tag.abi == "none" or not tag.interpreter.startswith(("py", "cp")):
            others.add(_other(tag.interpreter))
        else:
            others.add(f"{_other(tag.interpreter.replace('cp', 'py'))} with the ABI {tag.abi}")
    return "Python " + ", ".join([*_ranges(minors), *sorted(others)])


def platforms_of(tags: Iterable[Tag], cpu: str) -> str:
    """The platforms of these tags, e.g. "Windows, macOS (arm64)"; `cpu` is the target's, whose Linux comes first."""
    platforms = {tag.platform for tag in tags}
    words: list[str] = []
    for expression, library in ((_GLIBC, "glibc"), (_MUSL, "musl")):
        oldest: dict[str, tuple[int, int]] = {}
        for match in filter(None, (expression.fullmatch(_modern(platform)) for platform in platforms)):
            version = (int(match[1]), int(match[2]))
            oldest[match[3]] = min(version, oldest.get(match[3], version))
        for machine in sorted(oldest, key=lambda one: (one != cpu, one)):
            words.append(f"{machine} Linux with {library} {'{}.{}'.format(*oldest[machine])} or newer")
    return ", ".join([*words, *sorted({word for platform in platforms if (word := _platform(platform))})])


def _ranges(minors: Iterable[tuple[int, int]]) -> list[str]:
    """["2.7", "3.7 to 3.10"]."""
    # Neighbours have the same distance to their position.
    numbered = enumerate(sorted(minors))
    runs = [[pair for _, pair in run] for _, run in groupby(numbered, key=lambda one: (one[1][0], one[1][1] - one[0]))]
    return ["{}.{}".format(*run[0]) if len(run) == 1 else "{}.{} to {}.{}".format(*run[0], *run[-1]) for run in runs]


def _other(interpreter: str) -> str:
    """Words for "pp310" or "py2"."""
    match = re.fullmatch(r"([a-z]+)(\d)(\d*)", interpreter)
    if match is None:
        return interpreter
    version = f"{match[2]}.{match[3]}" if match[3] else match[2]
    return version if match[1] == "py" else f"{_OTHER.get(match[1], match[1])} {version}"


def _modern(platform: str) -> str:
    """Return the name that PEP 600 gives to the same platform."""
    policy, _, machine = platform.partition("_")
    return f"{_ALIASES[policy]}_{machine}" if policy in _ALIASES else platform


def _platform(platform: str) -> str | None:
    """Words for a platform that is no Linux of PEP 600 or 656; None for one that is."""
    if _GLIBC.fullmatch(_modern(platform)) or _MUSL.fullmatch(platform):
        return None
    if match := re.fullmatch(r"macosx_\d+_\d+_(\w+)", platform):
        return f"macOS ({_MAC_CPUS.get(match[1], match[1])})"
    return _WINDOWS.get(platform, platform)
