"""Sentences for packages of which no file fits: which ones there are, and what to ask for instead. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.version import Version

from dagy_builder.contract import Problem
from dagy_builder.explain.availability import Availability, Obstacle
from dagy_builder.explain.diagnosis import Diagnosis, problem, through
from dagy_builder.explain.hints import ALLOW_SOURCES, PUBLISHED_AS, WHEELS_OF, is_final, minor_range
from dagy_builder.explain.releases import newest_words, no_release, wanted_text
from dagy_builder.target import Target


def problem_with_files(diagnosis: Diagnosis, found: Availability, target: Target) -> Problem:
    """The problem with the subject's files, or with its releases."""
    match found.obstacle:
        case Obstacle.NO_RELEASE | Obstacle.WITHDRAWN:
            return no_release(diagnosis, found, target)
        case Obstacle.SOURCE_ONLY:
            return _source_only(diagnosis, found, target)
        case Obstacle.PYTHON if found.requires_python and not found.pythons:
            return _needs_python(diagnosis, found, target)
        case _:
            return _no_wheel(diagnosis, found, target)


def sources_would_help(found: Availability) -> bool:
    """Whether a build from source is a way out: there is one for this Python, or it is all that there is."""
    if found.requires_python:
        return False
    no_other = found.obstacle is Obstacle.PLATFORM or not found.newest
    return found.obstacle is Obstacle.SOURCE_ONLY or (found.has_source and no_other)


def _needs_python(diagnosis: Diagnosis, found: Availability, target: Target) -> Problem:
    required = found.requires_python
    message = (
        f"{_who(diagnosis, found)} needs Python {required}, but this package is for Python {target.python_version}."
    )
    hints = _others(diagnosis, found, target)
    return _told(diagnosis, found, message, hints, f"needs Python {required}")


def _no_wheel(diagnosis: Diagnosis, found: Availability, target: Target) -> Problem:
    message = f"{_who(diagnosis, found)} has no wheel for {target.description}"
    facts: list[str] = []
    there = " on ".join(filter(None, (found.pythons, found.platforms)))
    if there:
        facts.append(f"its wheels are for {there}")
    if found.requires_python:
        facts.append(f"it asks for Python {found.requires_python}")
    message += f": {', and '.join(facts)}." if facts else "."
    if found.only_on and diagnosis.is_direct:
        message = f"{diagnosis.root.text} can't be had for Linux: its wheels are for {there or found.only_on}."
        hints = [_leave_out(diagnosis.subject, found.only_on)]
    else:
        hints = [*_siblings(diagnosis), *_others(diagnosis, found, target)]
        if "glibc" in found.platforms and f"{target.cpu} Linux" in found.platforms:
            hints.append("set spec.platform.glibc to the newer one if your workers have it")
        if sources_would_help(found):
            hints.append(ALLOW_SOURCES)
    return _told(diagnosis, found, message, hints, f"has wheels for {there}" if there else "")


def _source_only(diagnosis: Diagnosis, found: Availability, target: Target) -> Problem:
    message = f"{_who(diagnosis, found)} is published as source code only, without a wheel"
    message += f", and asks for Python {found.requires_python}." if found.requires_python else "."
    others = _others(diagnosis, found, target)
    if meant := PUBLISHED_AS.get(diagnosis.subject):
        hints = [f"The module {diagnosis.subject} is part of {meant}: ask for that"]
    elif found.requires_python:
        hints = others
    else:
        hints = [*_siblings(diagnosis), ALLOW_SOURCES, *others]
    return _told(diagnosis, found, message, hints, "is source code")


def _told(diagnosis: Diagnosis, found: Availability, message: str, hints: Sequence[str], of_version: str) -> Problem:
    another = "Ask for another version" + ("" if diagnosis.is_direct else f" of {diagnosis.root.name}")
    hint = ", or ".join(hints) or another
    return problem(
        diagnosis,
        through(diagnosis, message),
        hint[:1].upper() + hint[1:],
        wanted=wanted_text(diagnosis),
        exists=_exists(found, of_version),
    )


def _who(diagnosis: Diagnosis, found: Availability) -> str:
    """ "numpy==1.21.0", or "numpy<1.20 (newest: 1.19.5)" where several releases are wanted."""
    if diagnosis.is_direct:
        who = diagnosis.root.text
    else:
        who = f"{diagnosis.subject} {found.version}" if found.version and found.only_one else diagnosis.subject
    return f"{who} (newest: {found.version})" if found.version and not found.only_one else who


def _others(diagnosis: Diagnosis, found: Availability, target: Target) -> list[str]:
    """What there is for this Python, and which Python there is something for; empty when neither is known.

    Nothing older than what was asked for is proposed, and no pre-release.
    """
    hints = []
    older = found.version and found.newest and Version(found.newest) < Version(found.version)
    if found.newest and is_final(found.newest) and not older:
        name = diagnosis.subject
        asked = minor_range(name, found.newest) or f"{name}=={found.newest}"
        if not diagnosis.is_direct:
            asked = f"a version of {diagnosis.root.name} that allows {asked}"
        hints.append(f"ask for {asked} ({newest_words(found, target)})")
    if found.works_with:
        *others, last = found.works_with
        hints.append(f"set pythonVersion to {', '.join(others) + ' or ' if others else ''}{last}")
    return hints


def _siblings(diagnosis: Diagnosis) -> list[str]:
    """Who publishes the same with wheels; only where the user names the package and so can name another one."""
    other = WHEELS_OF.get(diagnosis.subject)
    return [f"ask for {other}, which has wheels"] if other and diagnosis.is_direct else []


def _leave_out(name: str, platforms: str) -> str:
    for words, platform in (("Windows", "win32"), ("macOS", "darwin")):
        if all(one.startswith(words) for one in platforms.split(", ")):
            return f"Leave it out, or keep it for {words} alone: {name}; sys_platform == '{platform}'"
    return "Leave it out"


def _exists(found: Availability, of_version: str) -> str | None:
    told = [f"{found.version} {of_version}"] if found.version and of_version else []
    if found.newest:
        told.append(f"the newest that fits is {found.newest}")
    return "; ".join(told) or of_version or None
