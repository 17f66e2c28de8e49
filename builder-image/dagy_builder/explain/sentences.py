"""Explaining requirements that can't be resolved: from a diagnosis to sentences that tell the next step. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from dagy_builder.contract import Problem, Reason
from dagy_builder.explain.derivation import Facts, name_of
from dagy_builder.explain.diagnosis import (
    Diagnosis,
    dependency_path,
    from_roots,
    in_words_of_user,
    problem,
    with_dependency_path,
)
from dagy_builder.explain.hints import (
    ANOTHER_FILE,
    PUBLISHED_AS,
    distance,
    in_minor_range,
    is_downgrade,
    leftover_hint,
    minor_range,
    under_name,
)
from dagy_builder.explain.unavailable import why_unavailable
from dagy_builder.requirement import ParsedRequirement
from dagy_builder.target import Target

SUMMARY_LENGTH = 1000
"""Characters of the message on all problems; it also becomes a Kubernetes Event, whose note holds 1024 bytes."""

_MAX_STEPS = 6


def problem_of(diagnosis: Diagnosis, target: Target, *, listed: Sequence[str] = ()) -> Problem:
    """The failure in sentences. For a package that isn't found, `listed` are names of the list that look like it.

    Other names are never proposed unless they are known to be right: look-alikes belong to strangers.
    """
    found = _problem_of(diagnosis, target, listed)
    hint = leftover_hint(diagnosis.subject, target.python_version) if diagnosis.is_direct else None
    if hint is None or diagnosis.reason is Reason.UNSATISFIABLE_REQUIREMENTS:
        return found
    return replace(found, message=f"{found.why} {hint}.", hint=f"{hint}.", fixes=None)


def _problem_of(diagnosis: Diagnosis, target: Target, listed: Sequence[str]) -> Problem:
    if diagnosis.reason is Reason.PACKAGE_NOT_FOUND:
        return _not_found(diagnosis, listed)
    if diagnosis.reason is Reason.RESOLUTION_FAILED:
        return _broken(diagnosis)
    if diagnosis.index_match is not None:
        return why_unavailable(diagnosis, diagnosis.index_match, target)
    return _conflict(diagnosis)


def _not_found(diagnosis: Diagnosis, listed: Sequence[str]) -> Problem:
    name = diagnosis.subject
    if not diagnosis.is_direct:
        message = f"{dependency_path(diagnosis)}, which is not in the package index."
        hint = f"Ask for another version of {diagnosis.root.name}, or name the index that has {name} in spec.index"
        return problem(diagnosis, message, hint, wanted=name)
    message = f"{name} is not in the package index."
    if name in PUBLISHED_AS:
        hint = f"The module {name} is part of {PUBLISHED_AS[name]}: ask for that"
        found = problem(diagnosis, message, hint, wanted=name)
        return replace(found, fixes=[under_name(diagnosis.root, PUBLISHED_AS[name]).to_json()])
    if listed:
        hint = f"Did you mean {' or '.join(listed)}, which the list has as well? Otherwise name its index in spec.index"
    else:
        hint = "Check the spelling, or name the index that has it in spec.index"
    return problem(diagnosis, message, hint, wanted=name)


def _broken(diagnosis: Diagnosis) -> Problem:
    term = next(term for term in diagnosis.facts.broken if name_of(term) == diagnosis.subject)
    message = f"The file of {term} in the package index can't be read."
    return problem(diagnosis, with_dependency_path(diagnosis, message), ANOTHER_FILE, wanted=term)


def _conflict(diagnosis: Diagnosis) -> Problem:
    roots = diagnosis.roots
    asked = " and ".join(root.text for root in roots)
    edges = from_roots(diagnosis.facts.edges, [root.name for root in roots])
    because = [
        f"{dependent} needs {' and '.join(edge.dependency for edge in same)}"
        for dependent, same in groupby(edges, key=lambda edge: in_words_of_user(edge.dependent, diagnosis))
    ]
    because += _obstacles(diagnosis.facts, {root.name for root in roots})
    if len(because) > _MAX_STEPS:
        because[_MAX_STEPS:] = [f"and so on ({len(because) - _MAX_STEPS} more, in the log)"]
    if not because:
        message = f"{asked} exclude each other."
    elif len(roots) > 1:
        message = f"{asked} can't be installed together: {', '.join(because)}."
    else:
        message = f"{asked} can't be installed: {', '.join(because)}."
    hint = "Relax one of them" if len(roots) > 1 else f"Ask for another version of {roots[0].name}"
    return problem(diagnosis, message, hint, wanted=asked)


def _obstacles(facts: Facts, roots: set[str]) -> list[str]:
    """Return the obstacles beside needs of packages: releases that a requirement would need, and can't have."""
    obstacles = [f"{name} is not in the package index" for name in facts.not_found]
    obstacles += [f"{term} has no wheel that fits" for term, _ in facts.without_wheel]
    obstacles += [f"{term} needs Python {wanted}" for term, wanted in facts.python]
    obstacles += [f"{term} was withdrawn" for term, _ in facts.yanked]
    obstacles += [f"there is no {term}" for term in facts.missing if name_of(term) not in roots]
    return obstacles


def with_tested_alternative(
    found: Problem, helping: Sequence[tuple[ParsedRequirement, str]], besides: str = ""
) -> Problem:
    """Return the problem with a hint at a change that was tried and works: a requirement, and the version it then gets.

    The smallest change comes first. `besides` is another way, which was not tried: it comes first where the others are
    steps back.
    """
    if not helping:
        return found
    helping = sorted(helping, key=lambda one: distance(one[0].requirement.specifier, one[1]))
    older = bool(besides) and all(is_downgrade(asked.requirement.specifier, version) for asked, version in helping)
    choices = [
        f"{minor_range(asked.name, version) or asked.name} instead of {asked.text}" for asked, version in helping
    ]
    fixes = [fix.to_json() for asked, version in helping if (fix := in_minor_range(asked, version, tried=True))]
    hint = (
        "Ask for "
        + ", or for ".join(choices)
        + f"{', which is older' if older else ''}: that was tried, and all else can stay."
    )
    if besides:
        other = f"{besides[:1].upper()}{besides[1:]}."
        hint = f"{other} Or ask{hint[3:]}" if older else f"{hint} Or {besides}."
    return replace(found, message=f"{found.why} {hint}", hint=hint, fixes=fixes or None)


def summary_of(problems: Sequence[Problem], *, all_found: bool = True) -> str:
    """All problems in one message of bounded length: as many as fit whole, the number of the others, and their place.

    `all_found` is false when the search had to end before its time.
    """
    if len(problems) == 1:
        return f"{problems[0].message}{'' if all_found else ' There may be more: the time to look was over.'}"
    sentences = [f" {number}. {one.message}" for number, one in enumerate(problems, 1)]
    text = f"{len(problems)} problems{'' if all_found else ', and perhaps more, as the search had to end'}:"
    for number, sentence in enumerate(sentences):
        more = len(sentences) - number - 1
        if number and len(text) + len(sentence) + len(_more(more)) > SUMMARY_LENGTH:
            return text + _more(more + 1)
        text += sentence
    return text


def _more(count: int) -> str:
    return f" And {count} more: status.validation.errors has all." if count else ""
