"""Sentences for packages of which no file fits: which ones there are, and what to ask for instead. Pure."""

from __future__ import annotations

from dagy_builder.advice import PUBLISHED_AS, minor_range, range_hint
from dagy_builder.availability import Availability, Obstacle
from dagy_builder.contract import Problem
from dagy_builder.diagnosis import Diagnosis, needs, problem, through
from dagy_builder.target import Target


def problem_with_files(diagnosis: Diagnosis, found: Availability, target: Target) -> Problem:
    """The problem with the subject's files, or with its releases."""
    match found.obstacle:
        case Obstacle.NO_RELEASE | Obstacle.WITHDRAWN:
            return _no_version(diagnosis, found, target)
        case Obstacle.SOURCE_ONLY:
            return _source_only(diagnosis, found, target)
        case Obstacle.PYTHON if not found.pythons:
            return _needs_python(diagnosis, found, target)
        case _:
            return _no_wheel(diagnosis, found, target)


def _no_version(diagnosis: Diagnosis, found: Availability, target: Target) -> Problem:
    root, cutoff = diagnosis.root, dict(diagnosis.facts.too_new).get(diagnosis.subject)
    if cutoff:
        what = root.text if diagnosis.is_direct else needs(diagnosis)
        message = f"{what}: no matching release was uploaded before {cutoff}, as spec.excludeNewer wants."
        return problem(diagnosis, message, "Set spec.excludeNewer to a later time, or ask for an older version")
    missing = (
        _nothing_matches(diagnosis) if diagnosis.is_direct else f"{needs(diagnosis)}, and there is no such release"
    )
    hint = range_hint(diagnosis.subject, found.newest) or "Ask for another version"
    if not diagnosis.is_direct:
        hint = f"Ask for another version of {root.text}"
    if found.obstacle is Obstacle.WITHDRAWN:
        because = f" ({found.reason})" if found.reason else ""
        missing = f"{missing}, except one that its authors have withdrawn{because}"
    known = f": the newest release for Python {target.python_version} is {found.newest}." if found.newest else "."
    return problem(diagnosis, missing + known, hint, wanted=_wanted(diagnosis), exists=found.newest)


def _nothing_matches(diagnosis: Diagnosis) -> str:
    root = diagnosis.root
    if not root.requirement.specifier:
        return f"{root.text} has no usable release"
    exact = any(c.operator in ("==", "===") and "*" not in c.version for c in root.requirement.specifier)
    return f"{root.text} does not exist" if exact else f"No release matches {root.text}"


def _needs_python(diagnosis: Diagnosis, found: Availability, target: Target) -> Problem:
    required = found.requires_python or "another version"
    message = (
        f"{_who(diagnosis, found)} needs Python {required}, but this package is for Python {target.python_version}."
    )
    return problem(
        diagnosis,
        through(diagnosis, message),
        _other_python(diagnosis, found, target) or "Ask for another version",
        wanted=_wanted(diagnosis),
        exists=_exists(found, f"needs Python {required}"),
    )


def _no_wheel(diagnosis: Diagnosis, found: Availability, target: Target) -> Problem:
    message = f"{_who(diagnosis, found)} has no wheel for {target.description}"
    facts = []
    there = " on ".join(filter(None, (found.pythons, found.platforms)))
    if there:
        facts.append(f"its wheels are for {there}")
    if found.requires_python:
        facts.append(f"it asks for Python {found.requires_python}")
    message += f": {', and '.join(facts)}." if facts else "."
    hint = _other_python(diagnosis, found, target) or "Ask for another version"
    if "glibc" in found.platforms and f"{target.cpu} Linux" in found.platforms:
        hint += ", or set spec.platform.glibc to the newer one if your workers have it"
    if found.has_source and not found.requires_python and (found.obstacle is Obstacle.PLATFORM or not found.newest):
        hint += ", or set spec.sourceDistributions to Allow, which runs its build code"
    return problem(
        diagnosis,
        through(diagnosis, message),
        hint,
        wanted=_wanted(diagnosis),
        exists=_exists(found, f"has wheels for {there}" if there else ""),
    )


def _source_only(diagnosis: Diagnosis, found: Availability, target: Target) -> Problem:
    message = f"{_who(diagnosis, found)} is published as source code only, without a wheel"
    message += f", and asks for Python {found.requires_python}." if found.requires_python else "."
    other = _other_python(diagnosis, found, target)
    if meant := PUBLISHED_AS.get(diagnosis.subject):
        hint = f"The module {diagnosis.subject} is part of {meant}: ask for that"
    elif found.requires_python:
        hint = other or "Ask for another version"
    else:
        hint = "Set spec.sourceDistributions to Allow, which runs its build code, or "
        hint += other[0].lower() + other[1:] if other else "ask for a version with wheels"
    return problem(
        diagnosis, through(diagnosis, message), hint, wanted=_wanted(diagnosis), exists=_exists(found, "is source code")
    )


def _who(diagnosis: Diagnosis, found: Availability) -> str:
    """ "numpy==1.21.0", or "numpy<1.20 (newest: 1.19.5)" where several releases are wanted."""
    if diagnosis.is_direct:
        who = diagnosis.root.text
    else:
        who = f"{diagnosis.subject} {found.version}" if found.version and found.only_one else diagnosis.subject
    return f"{who} (newest: {found.version})" if found.version and not found.only_one else who


def _other_python(diagnosis: Diagnosis, found: Availability, target: Target) -> str:
    """What there is for this Python, and which Python there is something for; "" when neither is known."""
    hints = []
    if found.newest:
        name = diagnosis.subject
        asked = minor_range(name, found.newest) or f"{name}=={found.newest}"
        if not diagnosis.is_direct:
            asked = f"a version of {diagnosis.root.name} that allows {asked}"
        hints.append(f"Ask for {asked} (the newest release for Python {target.python_version} is {found.newest})")
    if found.works_with:
        *others, last = found.works_with
        hints.append(f"set pythonVersion to {', '.join(others) + ' or ' if others else ''}{last}")
    hint = ", or ".join(hints)
    return hint[:1].upper() + hint[1:]


def _wanted(diagnosis: Diagnosis) -> str:
    specifier = diagnosis.wanted()
    return f"{diagnosis.subject}{specifier}" if str(specifier) else diagnosis.subject


def _exists(found: Availability, of_version: str) -> str | None:
    told = [f"{found.version} {of_version}"] if found.version and of_version else []
    if found.newest:
        told.append(f"the newest that fits is {found.newest}")
    return "; ".join(told) or of_version or None
