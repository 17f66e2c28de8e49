"""Saying why requirements can't be resolved: from uv's facts to sentences that tell what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from packaging.version import InvalidVersion, Version

from dagy_builder.contract import Problem, Reason
from dagy_builder.derivation import Edge, Facts, name_of
from dagy_builder.requirement import Asked
from dagy_builder.target import Target


@dataclass(frozen=True)
class Diagnosis:
    """What one derivation is about."""

    reason: Reason
    roots: tuple[Asked, ...]
    """The user's requirements that take part; leaving them out solves this problem."""
    subject: str
    """The package that is the obstacle."""
    facts: Facts

    @property
    def is_direct(self) -> bool:
        """Whether the obstacle is a requirement of the user and not a dependency of one."""
        return any(root.name == self.subject for root in self.roots)


def diagnose(facts: Facts, requirements: Sequence[Asked]) -> Diagnosis | None:
    """The kind of the failure, or None when the facts name none of the requirements."""
    roots = tuple(r for r in requirements if r.name in facts.required)
    if not roots:
        return None
    reason, subject = _kind(facts, roots)
    return Diagnosis(reason, roots, subject, facts)


def problem_of(diagnosis: Diagnosis, newest: str | None, target: Target) -> Problem:
    """The failure in sentences. `newest` is the newest version of the subject that fits the target, if one does."""
    match diagnosis.reason:
        case Reason.PACKAGE_NOT_FOUND:
            return _not_found(diagnosis)
        case Reason.PYTHON_INCOMPATIBLE:
            return _python(diagnosis, newest, target)
        case Reason.NO_WHEEL:
            return _no_wheel(diagnosis, newest, target)
        case Reason.NO_MATCHING_VERSION:
            return _no_version(diagnosis, newest, target)
        case Reason.RESOLUTION_FAILED:
            return _broken(diagnosis)
        case _:
            return _conflict(diagnosis)


def _kind(facts: Facts, roots: Sequence[Asked]) -> tuple[Reason, str]:
    if facts.not_found:
        return Reason.PACKAGE_NOT_FOUND, facts.not_found[0]
    if len(roots) == 1:
        if facts.python:
            return Reason.PYTHON_INCOMPATIBLE, name_of(facts.python[0][0])
        if facts.without_wheel:
            return Reason.NO_WHEEL, name_of(facts.without_wheel[0][0])
        if facts.broken:
            return Reason.RESOLUTION_FAILED, name_of(facts.broken[0])
        for known in (facts.yanked, facts.missing, facts.available):
            if known:
                first = known[0]
                return Reason.NO_MATCHING_VERSION, name_of(first if isinstance(first, str) else first[0])
    return Reason.UNSATISFIABLE_REQUIREMENTS, roots[0].name


def _not_found(diagnosis: Diagnosis) -> Problem:
    name = diagnosis.subject
    if diagnosis.is_direct:
        message = f"{name} is not in the package index."
        hint = "Check the spelling, or name the index that has it in spec.index."
    else:
        message = f"{_needs(diagnosis)}, which is not in the package index."
        hint = f"Ask for another version of {_root(diagnosis).name}, or name the index that has {name} in spec.index."
    return _problem(diagnosis, message, hint, wanted=name)


def _python(diagnosis: Diagnosis, newest: str | None, target: Target) -> Problem:
    term, wanted = next(pair for pair in diagnosis.facts.python if name_of(pair[0]) == diagnosis.subject)
    subject = _shown(term, diagnosis)
    message = f"{subject} needs Python {wanted}, but this package is for Python {target.python_version}."
    hint = f"Set pythonVersion to one that is {wanted}" + _or_range(diagnosis, newest, target)
    return _problem(diagnosis, _through(diagnosis, message), hint, wanted=f"Python {wanted}", exists=newest)


def _no_wheel(diagnosis: Diagnosis, newest: str | None, target: Target) -> Problem:
    term, kind = next(pair for pair in diagnosis.facts.without_wheel if name_of(pair[0]) == diagnosis.subject)
    subject = _shown(term, diagnosis)
    tags = dict(diagnosis.facts.found_tags).get(diagnosis.subject)
    if kind:
        message = f"{subject} has no wheel for {target.description}" + (
            f" (there are wheels for {tags})." if tags else "."
        )
        hint = "Ask for another version"
    else:
        message = f"{subject} is published as source code only, without a wheel."
        hint = "Set spec.sourceDistributions to Allow, which runs its build code, or ask for a version with wheels"
    hint += f" (the newest that fits is {newest})" if newest else ""
    return _problem(diagnosis, _through(diagnosis, message), hint, wanted=term, exists=newest or tags)


def _broken(diagnosis: Diagnosis) -> Problem:
    term = next(term for term in diagnosis.facts.broken if name_of(term) == diagnosis.subject)
    message = f"The file of {term} in the package index can't be read."
    hint = "Ask for another version, or have the file replaced in the index"
    return _problem(diagnosis, _through(diagnosis, message), hint, wanted=term)


def _too_new(diagnosis: Diagnosis, cutoff: str) -> Problem:
    what = _root(diagnosis).text if diagnosis.is_direct else _needs(diagnosis)
    message = f"{what}: no matching release was uploaded before {cutoff}, as spec.excludeNewer wants."
    return _problem(diagnosis, message, "Set spec.excludeNewer to a later time, or ask for an older version")


def _no_version(diagnosis: Diagnosis, newest: str | None, target: Target) -> Problem:
    facts, root = diagnosis.facts, _root(diagnosis)
    if cutoff := dict(facts.too_new).get(diagnosis.subject):
        return _too_new(diagnosis, cutoff)
    yanked = {name_of(term): reason for term, reason in facts.yanked}.get(diagnosis.subject)
    missing = _nothing_matches(root) if diagnosis.is_direct else f"{_needs(diagnosis)}, and there is no such release"
    if yanked is not None:
        because = f" ({yanked})" if yanked else ""
        missing = f"{missing}, except one that its authors have withdrawn{because}"
    known = f": the newest release for Python {target.python_version} is {newest}." if newest else "."
    if diagnosis.is_direct:
        hint = _range_hint(diagnosis.subject, newest) or "Ask for another version"
    else:
        hint = f"Ask for another version of {root.name}"
    return _problem(diagnosis, missing + known, hint, wanted=str(root.requirement.specifier) or None, exists=newest)


def _nothing_matches(root: Asked) -> str:
    specifier = root.requirement.specifier
    if not specifier:
        return f"{root.text} has no usable release"
    exact = any(clause.operator in ("==", "===") and "*" not in clause.version for clause in specifier)
    return f"{root.text} does not exist" if exact else f"No release matches {root.text}"


def _conflict(diagnosis: Diagnosis) -> Problem:
    roots, edges = diagnosis.roots, list(diagnosis.facts.edges)
    asked = " and ".join(root.text for root in roots)
    if not edges:
        message = f"{asked} exclude each other."
    else:
        edges = from_roots(edges, [root.name for root in roots])
        needs = ", ".join(f"{_shown(edge.dependent, diagnosis)} needs {edge.dependency}" for edge in edges)
        message = f"{asked} can't be installed together: {needs}." if len(roots) > 1 else f"{asked} fails: {needs}."
    hint = "Relax one of them" if len(roots) > 1 else f"Ask for another version of {roots[0].name}"
    return _problem(diagnosis, message, hint, wanted=asked)


def _problem(
    diagnosis: Diagnosis, message: str, hint: str, *, wanted: str | None = None, exists: str | None = None
) -> Problem:
    hint = hint.rstrip(".") + "."
    return Problem(
        message=f"{message} {hint}",
        requirement=_root(diagnosis).text,
        wanted=wanted,
        exists=exists,
        why=message,
        hint=hint,
    )


def _through(diagnosis: Diagnosis, message: str) -> str:
    """The message, led in by who brings the subject when the user doesn't ask for it himself."""
    return message if diagnosis.is_direct else f"{_needs(diagnosis)}. {message}"


def _needs(diagnosis: Diagnosis) -> str:
    """How the user's requirement comes to the subject: "a needs b, b needs c>=2"."""
    chain = chain_to(diagnosis.subject, {r.name for r in diagnosis.roots}, diagnosis.facts.edges)
    if not chain:
        return f"{_root(diagnosis).text} needs {diagnosis.subject}"
    return ", ".join(f"{_shown(edge.dependent, diagnosis)} needs {edge.dependency}" for edge in chain)


def chain_to(subject: str, roots: set[str], edges: Sequence[Edge]) -> list[Edge]:
    """The edges that lead from one of `roots` to `subject`; empty when they don't."""
    by_dependency = {name_of(edge.dependency): edge for edge in edges}
    chain: list[Edge] = []
    while subject not in roots:
        edge = by_dependency.pop(subject, None)
        if edge is None:
            return []
        chain.insert(0, edge)
        subject = name_of(edge.dependent)
    return chain


def from_roots(edges: Sequence[Edge], roots: Sequence[str]) -> list[Edge]:
    """The edges in the order in which one reads them: from each root along what it needs."""
    ordered: list[Edge] = []

    def follow(name: str) -> None:
        for edge in edges:
            if name_of(edge.dependent) == name and edge not in ordered:
                ordered.append(edge)
                follow(name_of(edge.dependency))

    for root in roots:
        follow(root)
    return [*ordered, *(edge for edge in edges if edge not in ordered)]


def _shown(term: str, diagnosis: Diagnosis) -> str:
    """A term of uv's, in the user's words where it is one of the user's requirements."""
    for root in diagnosis.roots:
        if root.name == name_of(term):
            return root.text
    return term


def relieved(problem: Problem, helping: Sequence[tuple[Asked, str]]) -> Problem:
    """The problem with a hint that names what was tried and works: a requirement, and the version it then gets."""
    if not helping:
        return problem
    choices = [
        f"{_minor_range(asked.name, version) or asked.name} instead of {asked.text}" for asked, version in helping
    ]
    hint = "Ask for " + ", or for ".join(choices) + ": that was tried, and all else can stay."
    return replace(problem, message=f"{problem.why} {hint}", hint=hint)


def _range_hint(name: str, newest: str | None) -> str | None:
    """ "Ask for one of 3.1.*, for example pandas>=3.1,<3.2"."""
    example = _minor_range(name, newest)
    return example and f"Ask for one of {example.rpartition('>=')[2].partition(',')[0]}.*, for example {example}"


def _minor_range(name: str, version_text: str | None) -> str | None:
    """ "pandas>=3.1,<3.2" for 3.1.4, the range that the guide recommends."""
    try:
        version = Version(version_text or "")
    except InvalidVersion:
        return None
    epoch = f"{version.epoch}!" if version.epoch else ""
    return f"{name}>={epoch}{version.major}.{version.minor},<{epoch}{version.major}.{version.minor + 1}"


def _or_range(diagnosis: Diagnosis, newest: str | None, target: Target) -> str:
    if newest is None:
        return ""
    asked = (
        f"{diagnosis.subject} {newest}" if diagnosis.is_direct else f"a version that needs {diagnosis.subject} {newest}"
    )
    return f", or ask for {asked}, the newest release for Python {target.python_version}"


def _root(diagnosis: Diagnosis) -> Asked:
    return diagnosis.roots[0]


def summary_of(problems: Sequence[Problem]) -> str:
    """All problems in one message of bounded length."""
    if len(problems) == 1:
        return problems[0].message
    return f"{len(problems)} problems. " + " ".join(f"{n}. {p.message}" for n, p in enumerate(problems[:3], 1))
