"""Sentences for requirements that no release matches, or only withdrawn ones. Pure."""

from __future__ import annotations

import re

from packaging.version import InvalidVersion, Version

from dagy_builder.contract import Problem
from dagy_builder.explain.availability import Availability, Obstacle
from dagy_builder.explain.diagnosis import Diagnosis, needs, problem
from dagy_builder.explain.hints import range_hint
from dagy_builder.target import Target

# PyTorch's own indexes, one for each kind of build (https://pytorch.org/get-started).
_OF_PYTORCH = {"torch", "torchvision", "torchaudio"}
_BUILD_OF_PYTORCH = re.compile(r"cpu|cu\d+|xpu|rocm[\d.]+")


def no_release(diagnosis: Diagnosis, found: Availability, target: Target) -> Problem:
    """The problem with releases that are not there."""
    root, cutoff = diagnosis.root, dict(diagnosis.facts.too_new).get(diagnosis.subject)
    if cutoff:
        what = root.text if diagnosis.is_direct else needs(diagnosis)
        message = f"{what}: no matching release was uploaded before {cutoff}, as spec.excludeNewer wants."
        return problem(diagnosis, message, "Set spec.excludeNewer to a later time, or ask for an older version")
    if found.obstacle is Obstacle.WITHDRAWN:
        message, hint = _withdrawn(diagnosis, found)
    elif diagnosis.is_direct and (public := _without_local(diagnosis, found)):
        message, hint = _no_such_build(diagnosis, *public)
    else:
        message, hint = _nothing_matches(diagnosis, found, target)
    if found.index:
        message += f" {diagnosis.subject} is taken from {found.index} alone, the first of the indexes that has it."
        hint += ", or remove that index from spec.index.extraUrls"
    return problem(diagnosis, message, hint, wanted=wanted_text(diagnosis), exists=found.newest)


def newest_words(found: Availability, target: Target) -> str:
    """ "the newest release for Python 3.12 is 2.0", true also where a newer one has no wheel."""
    behind = found.newest and found.latest and Version(found.latest) > Version(found.newest)
    return f"the newest release {'with a wheel ' if behind else ''}for Python {target.python_version} is {found.newest}"


def wanted_text(diagnosis: Diagnosis) -> str:
    """The subject with all that is asked of its version."""
    specifier = diagnosis.wanted()
    return f"{diagnosis.subject}{specifier}" if str(specifier) else diagnosis.subject


def _withdrawn(diagnosis: Diagnosis, found: Availability) -> tuple[str, str]:
    because = f" ({found.reason})" if found.reason else ""
    what = diagnosis.root.text if diagnosis.is_direct else wanted_text(diagnosis)
    if not found.count:  # by uv's words alone
        message = f"What there is of {what} was withdrawn by its authors{because}."
    elif found.count == 1:
        message = f"The one release of {what}, {found.version}, was withdrawn by its authors{because}."
    else:
        message = f"All {found.count} releases of {what} were withdrawn by their authors"
        message += f", the newest ({found.version}) because: {found.reason}." if found.reason else "."
    if not diagnosis.is_direct:
        return f"{needs(diagnosis)}. {message}", f"Ask for another version of {diagnosis.root.name}"
    hint = range_hint(diagnosis.subject, found.newest) or "Ask for another version"
    if found.when_pinned:
        hint += f", or for {diagnosis.subject}=={found.version} if you want it all the same"
    return message, hint


def _without_local(diagnosis: Diagnosis, found: Availability) -> tuple[str, str] | None:
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


def _nothing_matches(diagnosis: Diagnosis, found: Availability, target: Target) -> tuple[str, str]:
    root = diagnosis.root
    if not diagnosis.is_direct:
        missing, hint = f"{needs(diagnosis)}, and there is no such release", f"Ask for another version of {root.text}"
    else:
        missing, hint = _missing(diagnosis), range_hint(diagnosis.subject, found.newest) or "Ask for another version"
        excluded = [c for c in root.requirement.specifier if c.operator == "!=" and not c.contains(found.newest or "0")]
        if found.newest and excluded:
            hint = f"Allow {found.newest} again"
    if found.left_out:
        missing += f" (by PEP 440 that leaves out {', '.join(found.left_out)})"
    known = f": {newest_words(found, target)}." if found.newest else "."
    return missing + known, hint


def _missing(diagnosis: Diagnosis) -> str:
    root = diagnosis.root
    if not root.requirement.specifier:
        return f"{root.text} has no usable release"
    exact = any(c.operator in ("==", "===") and "*" not in c.version for c in root.requirement.specifier)
    return f"{root.text} does not exist" if exact else f"No release matches {root.text}"
