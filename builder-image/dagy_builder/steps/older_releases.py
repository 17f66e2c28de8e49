"""Requirements that can be had, but only in a release that hardly anybody means: ancient ones, and pre-releases.

With wheels only, a resolver goes back to the last release that has one, however old it is, and says nothing. So the
release of a direct requirement is compared with the index's releases, where it looks odd: asking for all would cost
every validation as many requests as it has requirements.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from dagy_builder.contract import Reason
from dagy_builder.explain.availability import excludes, fits
from dagy_builder.explain.search import Resolver, Search
from dagy_builder.indexes.page import IndexFile
from dagy_builder.requirement import ParsedRequirement
from dagy_builder.target import Target
from dagy_builder.uv.lock import LockedPackage

_OLD = timedelta(days=550)
_FAR = timedelta(days=1100)
_MOST = 20
_SECONDS = 5.0
_FOR_WANT_OF_WHEELS = (Reason.NO_WHEEL, Reason.PYTHON_INCOMPATIBLE)


@dataclass(frozen=True)
class _Chosen:
    asked: ParsedRequirement
    version: Version
    uploaded: datetime | None


def warnings_of_passed_over(
    requirements: Sequence[ParsedRequirement],
    locked: Sequence[LockedPackage],
    resolver: Resolver,
    target: Target,
    now: datetime,
) -> tuple[str, ...]:
    """A sentence for each requirement whose newest release was passed over because there is no wheel of it.

    At most twenty are looked at, for five seconds in all; those without an answer in that time are left out.
    """
    odd = list(_odd(requirements, locked, now))[:_MOST]
    if not odd:
        return ()
    deadline = time.monotonic() + _SECONDS
    with ThreadPoolExecutor(4) as pool:
        pages = list(pool.map(lambda one: resolver.files(one.asked.name, deadline), odd))
    sentences = (_warning(one, files or (), resolver, target, deadline) for one, files in zip(odd, pages, strict=True))
    return tuple(sentence for sentence in sentences if sentence)


def _odd(
    requirements: Sequence[ParsedRequirement], locked: Sequence[LockedPackage], now: datetime
) -> Iterator[_Chosen]:
    by_name = {package.name: package for package in locked}
    for asked in requirements:
        package = by_name.get(asked.name)
        if package is None or package.version is None or asked.requirement.url or _is_pinned(asked):
            continue
        try:
            version = Version(package.version)
        except InvalidVersion:
            continue
        if version.is_prerelease or package.uploaded is None or package.uploaded < now - _OLD:
            yield _Chosen(asked, version, package.uploaded)


def _is_pinned(asked: ParsedRequirement) -> bool:
    return any(c.operator in ("==", "===") and "*" not in c.version for c in asked.requirement.specifier)


def _warning(
    chosen: _Chosen, files: Sequence[IndexFile], resolver: Resolver, target: Target, deadline: float
) -> str | None:
    asked, newest = chosen.asked, _newest_wanted(chosen.asked, files, target)
    uploaded = f" of {chosen.uploaded:%Y-%m}" if chosen.uploaded else ""
    if newest is not None and newest > chosen.version and not _is_near(chosen, newest, files, target):
        exact = Requirement(str(asked.requirement))
        exact.specifier = SpecifierSet(f"=={newest}")
        pinned = ParsedRequirement(str(exact), exact)
        answer = resolver.failure_without([pinned], deadline)
        reason, problem = Search([pinned], resolver, target, deadline).first(answer) if answer else (None, None)
        if problem and reason in _FOR_WANT_OF_WHEELS:
            return f"{asked.text} gives {chosen.version}{uploaded}, not {newest}: {problem.message}"
    if chosen.version.is_prerelease and not asked.requirement.specifier.prereleases:
        return (
            f"{asked.text} gives {chosen.version}{uploaded}, a pre-release: no other release fits. If you mean it, "
            f"ask for {asked.name}=={chosen.version}."
        )
    return None


def _is_near(chosen: _Chosen, newest: Version, files: Sequence[IndexFile], target: Target) -> bool:
    """Return True when other requirements most likely hold it back: the newest release has a wheel and is hardly newer.

    Only a resolver knows for certain, and takes longer for it than for many a whole list.
    """
    wheels = [file for file in files if file.version == newest and fits(file, target, sources=False)]
    times = [file.uploaded for file in wheels if file.uploaded]
    return chosen.uploaded is not None and bool(times) and chosen.uploaded > min(times) - _FAR


def _newest_wanted(asked: ParsedRequirement, files: Sequence[IndexFile], target: Target) -> Version | None:
    """The newest final release that the requirement allows and its authors have for this Python, wheels or not."""
    there = {
        file.version
        for file in files
        if file.withdrawn is None and not file.version.is_prerelease and not excludes(file.requires_python, target)
    }
    return max(asked.requirement.specifier.filter(there), default=None)
