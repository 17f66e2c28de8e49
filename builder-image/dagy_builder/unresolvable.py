"""Finding all that is wrong with requirements, not only what uv meets first.

uv stops at the first contradiction. So what it names is left out and uv is asked again, until the rest can be resolved
or the time is up. Decisions are in `explain`; here is the loop.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dagy_builder.contract import Problem, Reason
from dagy_builder.derivation import is_derivation, read_derivation
from dagy_builder.direct import direct_problem, url_dependency
from dagy_builder.explain import diagnose, problem_of, relieved, summary_of
from dagy_builder.failure import StepError
from dagy_builder.index_failure import failure_of, first_sentence
from dagy_builder.requirement import Asked
from dagy_builder.target import Target

_MAX_ROUNDS = 40
_MAX_SECONDS = 45.0
# Reasons for which it helps to know what there is.
_ASKS_NEWEST = {Reason.NO_MATCHING_VERSION, Reason.PYTHON_INCOMPATIBLE, Reason.NO_WHEEL}


class Resolver(Protocol):
    """Asking uv again."""

    def failure_without(self, requirements: Sequence[Asked]) -> str | None:
        """What uv says to these requirements; None when they can be resolved."""

    def newest(self, name: str) -> str | None:
        """The newest version of a package that fits the target."""

    def version_within(self, asked: Asked, others: Sequence[Asked]) -> str | None:
        """The version that `asked` gets when it is resolved with the others; None when it can't be."""


@dataclass(frozen=True)
class _Found:
    reason: Reason
    problem: Problem
    culprits: Sequence[Asked] = ()


def why_not(requirements: Sequence[Asked], output: str, resolver: Resolver, target: Target) -> StepError:
    """The failure with every problem that is found in bounded time; `output` is uv's text on all requirements."""
    deadline = time.monotonic() + _MAX_SECONDS
    left, said, raw = list(requirements), output, [output]
    found: list[_Found] = []
    while len(found) < _MAX_ROUNDS:
        if failure := _not_about_requirements(said, left, any_found=bool(found)):
            return failure
        found.append(_judged(said, left, resolver, target))
        culprits = found[-1].culprits
        left = [requirement for requirement in left if requirement not in culprits]
        again = resolver.failure_without(left) if left and culprits and time.monotonic() < deadline else None
        if again is None:
            break
        said = again
        raw.append(again)
    problems = [_with_relief(one, left, resolver, deadline) for one in found]
    return StepError(found[0].reason, summary_of(problems), problems=problems, raw="\n\n".join(raw))


def _with_relief(found: _Found, others: Sequence[Asked], resolver: Resolver, deadline: float) -> Problem:
    """The problem, with the changes of one requirement that solve it; each was tried with all that is right."""
    if found.reason is not Reason.UNSATISFIABLE_REQUIREMENTS:
        return found.problem
    helping: list[tuple[Asked, str]] = []
    for culprit in found.culprits:
        if not culprit.requirement.specifier or time.monotonic() > deadline:
            continue
        rest = [other for other in found.culprits if other is not culprit]
        version = resolver.version_within(culprit.without_version(), [*rest, *others])
        if version is not None:
            helping.append((culprit, version))
    return relieved(found.problem, helping)


def _not_about_requirements(said: str, left: Sequence[Asked], *, any_found: bool) -> StepError | None:
    """An index that is away or shut makes everything else a guess; later it only ends the search."""
    if direct_problem(said, left):
        return None
    failure = failure_of(said)
    return failure if failure and (not any_found or failure.reason is Reason.INDEX_UNREACHABLE) else None


def _judged(said: str, left: Sequence[Asked], resolver: Resolver, target: Target) -> _Found:
    """What uv's answer is about, and which requirements to leave out of the next round."""
    if direct := direct_problem(said, left):
        reason, problem, culprit = direct
        return _Found(reason, problem, [culprit])
    diagnosis = diagnose(read_derivation(said), left) if is_derivation(said) else None
    if diagnosis is None:
        return _Found(Reason.RESOLUTION_FAILED, _unexplained(said))
    newest = resolver.newest(diagnosis.subject) if diagnosis.reason in _ASKS_NEWEST else None
    return _Found(diagnosis.reason, problem_of(diagnosis, newest, target), diagnosis.roots)


def _unexplained(output: str) -> Problem:
    if problem := url_dependency(output):
        return problem
    message = f"uv can't resolve the requirements: {first_sentence(output)}"
    return Problem(message=message, why=message)
