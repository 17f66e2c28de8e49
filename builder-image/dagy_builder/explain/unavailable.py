"""Sentences for packages of which no release or no file can be had: existing releases, and other requests. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from packaging.version import InvalidVersion, Version

from dagy_builder.contract import Fix, Problem
from dagy_builder.explain.availability import IndexMatch, Unavailability
from dagy_builder.explain.diagnosis import Diagnosis, dependency_path, problem, with_dependency_path
from dagy_builder.explain.hints import (
    ALLOW_SOURCES,
    PUBLISHED_AS,
    WHEELS_OF,
    in_minor_range,
    is_final,
    minor_range,
    range_hint,
    under_name,
)
from dagy_builder.target import Target

# PyTorch's own indexes, one for each kind of build (https://pytorch.org/get-started).
_OF_PYTORCH = {"torch", "torchvision", "torchaudio"}
_BUILD_OF_PYTORCH = re.compile(r"cpu|cu\d+|xpu|rocm[\d.]+")


def why_unavailable(diagnosis: Diagnosis, found: IndexMatch, target: Target) -> Problem:
    """Return the problem that no release, or no file of one, can be taken: the existing ones, and the next step."""
    told = _told(diagnosis, found, target)
    fixes = [fix.to_json() for fix in _fixes(diagnosis, found, told.hint or "")]
    return replace(told, fixes=fixes or None)


def _fixes(diagnosis: Diagnosis, found: IndexMatch, hint: str) -> list[Fix]:
    """Return the changes of the requirement itself that the hint proposes. Nobody has tried them."""
    if not diagnosis.is_direct:
        return []
    root, name = diagnosis.root, diagnosis.subject
    others = [known[name] for known in (PUBLISHED_AS, WHEELS_OF) if name in known]
    possible = [(other, under_name(root, other)) for other in others]
    newest = in_minor_range(root, found.newest, tried=False)
    if newest:
        possible.append((minor_range(name, found.newest) or "", newest))
    return [fix for words, fix in possible if words in hint]


def _told(diagnosis: Diagnosis, found: IndexMatch, target: Target) -> Problem:
    match found.unavailable:
        case Unavailability.NO_RELEASE | Unavailability.WITHDRAWN:
            return _no_release(diagnosis, found, target)
        case Unavailability.SOURCE_ONLY:
            return _source_only(diagnosis, found, target)
        case Unavailability.PYTHON if found.requires_python and not found.pythons:
            return _needs_python(diagnosis, found, target)
        case _:
            return _no_wheel(diagnosis, found, target)


def sources_would_help(found: IndexMatch) -> bool:
    """Return True when a build from source is a way out: there is one for this Python, or it is all that there is."""
    if found.requires_python:
        return False
    no_other = found.unavailable is Unavailability.PLATFORM or not found.newest
    return found.unavailable is Unavailability.SOURCE_ONLY or (found.has_source and no_other)


def _needs_python(diagnosis: Diagnosis, found: IndexMatch, target: Target) -> Problem:
    required = found.requires_python
    message = (
        f"{_who(diagnosis, found)} needs Python {required}, but this package is for Python {target.python_version}."
    )
    hints = _alternatives(diagnosis, found, target)
    return _with_hints(diagnosis, found, message, hints, f"needs Python {required}")


def _no_wheel(diagnosis: Diagnosis, found: IndexMatch, target: Target) -> Problem:
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
        hints = [*_same_with_wheels(diagnosis), *_alternatives(diagnosis, found, target)]
        if "glibc" in found.platforms and f"{target.cpu} Linux" in found.platforms:
            hints.append("set spec.platform.glibc to the newer one if your workers have it")
        if sources_would_help(found):
            hints.append(ALLOW_SOURCES)
    return _with_hints(diagnosis, found, message, hints, f"has wheels for {there}" if there else "")


def _source_only(diagnosis: Diagnosis, found: IndexMatch, target: Target) -> Problem:
    message = f"{_who(diagnosis, found)} is published as source code only, without a wheel"
    message += f", and asks for Python {found.requires_python}." if found.requires_python else "."
    others = _alternatives(diagnosis, found, target)
    if meant := PUBLISHED_AS.get(diagnosis.subject):
        hints = [f"The module {diagnosis.subject} is part of {meant}: ask for that"]
    elif found.requires_python:
        hints = others
    else:
        hints = [*_same_with_wheels(diagnosis), ALLOW_SOURCES, *others]
    return _with_hints(diagnosis, found, message, hints, "is source code")


def _with_hints(
    diagnosis: Diagnosis, found: IndexMatch, message: str, hints: Sequence[str], of_version: str
) -> Problem:
    another = "Ask for another version" + ("" if diagnosis.is_direct else f" of {diagnosis.root.name}")
    hint = ", or ".join(hints) or another
    return problem(
        diagnosis,
        with_dependency_path(diagnosis, message),
        hint[:1].upper() + hint[1:],
        wanted=_wanted_text(diagnosis),
        exists=_exists(found, of_version),
    )


def _who(diagnosis: Diagnosis, found: IndexMatch) -> str:
    """ "numpy==1.21.0", or "numpy<1.20 (newest: 1.19.5)" where several releases are wanted."""
    if diagnosis.is_direct:
        who = diagnosis.root.text
    else:
        who = f"{diagnosis.subject} {found.version}" if found.version and found.only_one else diagnosis.subject
    return f"{who} (newest: {found.version})" if found.version and not found.only_one else who


def _alternatives(diagnosis: Diagnosis, found: IndexMatch, target: Target) -> list[str]:
    """Return the hints to ask for a version for this Python, or to set another Python; empty when neither is known.

    Nothing older than what was asked for is proposed, and no pre-release.
    """
    hints = []
    older = found.version and found.newest and Version(found.newest) < Version(found.version)
    if found.newest and is_final(found.newest) and not older:
        name = diagnosis.subject
        asked = minor_range(name, found.newest) or f"{name}=={found.newest}"
        if not diagnosis.is_direct:
            asked = f"a version of {diagnosis.root.name} that allows {asked}"
        hints.append(f"ask for {asked} ({_newest_words(found, target)})")
    if found.works_with:
        *others, last = found.works_with
        hints.append(f"set pythonVersion to {', '.join(others) + ' or ' if others else ''}{last}")
    return hints


def _same_with_wheels(diagnosis: Diagnosis) -> list[str]:
    """Return the hint at the same with wheels; none unless the user names the package, and so can name another one."""
    other = WHEELS_OF.get(diagnosis.subject)
    return [f"ask for {other}, which has wheels"] if other and diagnosis.is_direct else []


def _leave_out(name: str, platforms: str) -> str:
    for words, platform in (("Windows", "win32"), ("macOS", "darwin")):
        if all(one.startswith(words) for one in platforms.split(", ")):
            return f"Leave it out, or keep it for {words} alone: {name}; sys_platform == '{platform}'"
    return "Leave it out"


def _exists(found: IndexMatch, of_version: str) -> str | None:
    facts = [f"{found.version} {of_version}"] if found.version and of_version else []
    if found.newest:
        facts.append(f"the newest that fits is {found.newest}")
    return "; ".join(facts) or of_version or None


def _no_release(diagnosis: Diagnosis, found: IndexMatch, target: Target) -> Problem:
    """Return the problem with releases that are not there."""
    root, cutoff = diagnosis.root, dict(diagnosis.facts.too_new).get(diagnosis.subject)
    if cutoff:
        what = root.text if diagnosis.is_direct else dependency_path(diagnosis)
        message = f"{what}: no matching release was uploaded before {cutoff}, as spec.excludeNewer wants."
        return problem(diagnosis, message, "Set spec.excludeNewer to a later time, or ask for an older version")
    if found.unavailable is Unavailability.WITHDRAWN:
        message, hint = _withdrawn(diagnosis, found)
    elif diagnosis.is_direct and (public := _without_local(diagnosis, found)):
        message, hint = _no_such_build(diagnosis, *public)
    else:
        message, hint = _nothing_matches(diagnosis, found, target)
    if found.index:
        message += f" {diagnosis.subject} is taken from {found.index} alone, the first of the indexes that has it."
        hint += ", or remove that index from spec.index.extraUrls"
    return problem(diagnosis, message, hint, wanted=_wanted_text(diagnosis), exists=found.newest)


def _newest_words(found: IndexMatch, target: Target) -> str:
    """ "the newest release for Python 3.12 is 2.0", true also where a newer one has no wheel."""
    behind = found.newest and found.latest and Version(found.latest) > Version(found.newest)
    return f"the newest release {'with a wheel ' if behind else ''}for Python {target.python_version} is {found.newest}"


def _wanted_text(diagnosis: Diagnosis) -> str:
    """Return the subject with all that is asked of its version."""
    specifier = diagnosis.wanted()
    return f"{diagnosis.subject}{specifier}" if str(specifier) else diagnosis.subject


def _withdrawn(diagnosis: Diagnosis, found: IndexMatch) -> tuple[str, str]:
    because = f" ({found.reason})" if found.reason else ""
    what = diagnosis.root.text if diagnosis.is_direct else _wanted_text(diagnosis)
    if not found.count:  # by uv's words alone
        message = f"What there is of {what} was withdrawn by its authors{because}."
    elif found.count == 1:
        message = f"The one release of {what}, {found.version}, was withdrawn by its authors{because}."
    else:
        message = f"All {found.count} releases of {what} were withdrawn by their authors"
        message += f", the newest ({found.version}) because: {found.reason}." if found.reason else "."
    if not diagnosis.is_direct:
        return f"{dependency_path(diagnosis)}. {message}", f"Ask for another version of {diagnosis.root.name}"
    hint = range_hint(diagnosis.subject, found.newest) or "Ask for another version"
    if found.when_pinned:
        hint += f", or for {diagnosis.subject}=={found.version} if you want it all the same"
    return message, hint


def _without_local(diagnosis: Diagnosis, found: IndexMatch) -> tuple[str, str] | None:
    """Public version and local label of the one version that is asked for, when the former is there (PEP 440)."""
    for clause in diagnosis.root.requirement.specifier:
        try:
            version = Version(clause.version)
        except InvalidVersion:  # "2.*"
            continue
        if version.local and version.public in found.known:
            return version.public, version.local
    return None


def _no_such_build(diagnosis: Diagnosis, public: str, local: str) -> tuple[str, str]:
    name = diagnosis.subject
    message = f"{name} {public} is there, but not its build +{local}."
    index = "Builds with a + come from an index of their own: add it to spec.index.extraUrls"
    if name in _OF_PYTORCH and _BUILD_OF_PYTORCH.fullmatch(local):
        index = (
            f"It comes from PyTorch's own index: add https://download.pytorch.org/whl/{local} to spec.index.extraUrls"
        )
    return message, f"{index}, or ask for {name}=={public}"


def _nothing_matches(diagnosis: Diagnosis, found: IndexMatch, target: Target) -> tuple[str, str]:
    root = diagnosis.root
    if not diagnosis.is_direct:
        missing, hint = (
            f"{dependency_path(diagnosis)}, and there is no such release",
            f"Ask for another version of {root.text}",
        )
    else:
        missing, hint = _missing(diagnosis), range_hint(diagnosis.subject, found.newest) or "Ask for another version"
        excluded = [c for c in root.requirement.specifier if c.operator == "!=" and not c.contains(found.newest or "0")]
        if found.newest and excluded:
            hint = f"Allow {found.newest} again"
    if found.left_out:
        missing += f" (by PEP 440 that leaves out {', '.join(found.left_out)})"
    known = f": {_newest_words(found, target)}." if found.newest else "."
    return missing + known, hint


def _missing(diagnosis: Diagnosis) -> str:
    root = diagnosis.root
    if not root.requirement.specifier:
        return f"{root.text} has no usable release"
    exact = any(c.operator in ("==", "===") and "*" not in c.version for c in root.requirement.specifier)
    return f"{root.text} does not exist" if exact else f"No release matches {root.text}"
