"""From uv's facts to a diagnosis: the kind of failure, the package in the way, and the one that brings it in. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from dagy_builder.contract import Problem, Reason
from dagy_builder.explain.availability import IndexMatch, Unavailability
from dagy_builder.explain.derivation import Edge, Facts, name_of
from dagy_builder.requirement import ParsedRequirement

_REASONS = {
    Unavailability.NO_RELEASE: Reason.NO_MATCHING_VERSION,
    Unavailability.WITHDRAWN: Reason.NO_MATCHING_VERSION,
    Unavailability.SOURCE_ONLY: Reason.NO_WHEEL,
    Unavailability.PLATFORM: Reason.NO_WHEEL,
    Unavailability.NO_WHEEL: Reason.NO_WHEEL,
    Unavailability.PYTHON: Reason.PYTHON_INCOMPATIBLE,
}


@dataclass(frozen=True)
class Diagnosis:
    """The subject and reason of one derivation."""

    reason: Reason
    roots: tuple[ParsedRequirement, ...]
    """The user's requirements that take part; leaving them out solves this problem."""
    subject: str
    """The package that is the obstacle."""
    facts: Facts
    index_match: IndexMatch | None = None
    """The reason that no file of the subject fits, as uv says or the index confirms; None for other failures."""

    @property
    def is_direct(self) -> bool:
        """True when the obstacle is a requirement of the user and not a dependency of one."""
        return any(root.name == self.subject for root in self.roots)

    @property
    def root(self) -> ParsedRequirement:
        """The requirement that the problem is told of: the subject's own, if it has one."""
        return next((root for root in self.roots if root.name == self.subject), self.roots[0])

    def confirmed_by(self, index_match: IndexMatch) -> Diagnosis:
        """Return the same diagnosis with the index's own answer, by which no file may be available."""
        return replace(self, reason=_reason_of(index_match), index_match=index_match)

    def wanted(self) -> SpecifierSet:
        """Return the versions of the subject that are asked for, as far as uv says it."""
        wanted = SpecifierSet()
        for root in self.roots:
            if root.name == self.subject:
                wanted &= root.requirement.specifier
        for edge in self.facts.edges:
            if name_of(edge.dependency) == self.subject:
                wanted &= _specifier(edge.dependency)
        return wanted


def _reason_of(index_match: IndexMatch) -> Reason:
    assert index_match.unavailable is not None
    return _REASONS[index_match.unavailable]


def diagnoses(facts: Facts, requirements: Sequence[ParsedRequirement]) -> list[Diagnosis]:
    """Return possible diagnoses, likeliest first; the last is always possible. Empty when no requirement is named.

    uv names the existing releases also where they are not the point, so its words about a package are to be checked.
    """
    # uv doesn't say that it is the user's URL which leaves only one release of a package.
    roots = tuple(
        r for r in requirements if r.name in facts.required or (r.requirement.url and r.name in facts.available)
    )
    if not roots:
        return []
    unknown = next((root for root in roots if root.name in facts.not_found), None)
    if unknown:
        return [Diagnosis(Reason.PACKAGE_NOT_FOUND, (unknown,), unknown.name, facts)]
    if len(roots) > 1:
        return [Diagnosis(Reason.UNSATISFIABLE_REQUIREMENTS, roots, roots[0].name, facts)]
    if facts.not_found:
        return [Diagnosis(Reason.PACKAGE_NOT_FOUND, roots, facts.not_found[0], facts)]
    found = [
        Diagnosis(_reason_of(index_match), roots, subject, facts, index_match)
        for subject, index_match in _suspects(facts)
    ]
    if facts.broken:
        found.append(Diagnosis(Reason.RESOLUTION_FAILED, roots, name_of(facts.broken[0]), facts))
    if facts.edges or not found:
        found.append(Diagnosis(Reason.UNSATISFIABLE_REQUIREMENTS, roots, roots[0].name, facts))
    return found


def _suspects(facts: Facts) -> Iterator[tuple[str, IndexMatch]]:
    """Yield packages without anything that fits, by uv's account, with its reason."""
    tags = dict(facts.found_tags)
    for term, wanted in facts.python:
        yield name_of(term), IndexMatch(Unavailability.PYTHON, requires_python=wanted)
    for term, kind in facts.without_wheel:
        known = tags.get(name_of(term), "")
        if kind == "platform":
            yield name_of(term), IndexMatch(Unavailability.PLATFORM, platforms=known)
        elif kind:
            yield name_of(term), IndexMatch(Unavailability.PYTHON, pythons=known)
        else:
            yield name_of(term), IndexMatch(Unavailability.NO_WHEEL)
    for term, reason in facts.yanked:
        yield name_of(term), IndexMatch(Unavailability.WITHDRAWN, reason=reason)
    for term in (*facts.missing, *facts.available):
        yield name_of(term), IndexMatch(Unavailability.NO_RELEASE)


def _specifier(dependency: str) -> SpecifierSet:
    try:
        return Requirement(dependency).specifier
    except InvalidRequirement:  # alternatives, "beta<1 or beta>2"
        return SpecifierSet()


def problem(
    diagnosis: Diagnosis, message: str, hint: str, *, wanted: str | None = None, exists: str | None = None
) -> Problem:
    """Return the problem with the diagnosis' requirement, in these words."""
    return Problem.of(message, hint.rstrip(".") + ".", requirement=diagnosis.root.text, wanted=wanted, exists=exists)


def with_dependency_path(diagnosis: Diagnosis, message: str) -> str:
    """Return the message, after the path to the subject when the user doesn't ask for it himself."""
    return message if diagnosis.is_direct else f"{dependency_path(diagnosis)}. {message}"


def dependency_path(diagnosis: Diagnosis) -> str:
    """Return the chain of needs from the user's requirement to the subject: "a needs b, b needs c>=2"."""
    chain = chain_to(diagnosis.subject, {r.name for r in diagnosis.roots}, diagnosis.facts.edges)
    if not chain:
        return f"{diagnosis.root.text} needs {diagnosis.subject}"
    return ", ".join(f"{in_words_of_user(edge.dependent, diagnosis)} needs {edge.dependency}" for edge in chain)


def in_words_of_user(term: str, diagnosis: Diagnosis) -> str:
    """A term of uv's, in the user's words where it stands for all that one requirement of the user allows."""
    name = name_of(term)
    terms = {edge.dependent for edge in diagnosis.facts.edges if name_of(edge.dependent) == name}
    return next((root.text for root in diagnosis.roots if root.name == name and len(terms) < 2), term)


def chain_to(subject: str, roots: set[str], edges: Sequence[Edge]) -> list[Edge]:
    """Return the edges that lead from one of `roots` to `subject`; empty when they don't."""
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
    """Return the edges in the order in which one reads them: from each root along what it needs."""
    ordered: list[Edge] = []

    def follow(name: str) -> None:
        for edge in edges:
            if name_of(edge.dependent) == name and edge not in ordered:
                ordered.append(edge)
                follow(name_of(edge.dependency))

    for root in roots:
        follow(root)
    return [*ordered, *(edge for edge in edges if edge not in ordered)]
