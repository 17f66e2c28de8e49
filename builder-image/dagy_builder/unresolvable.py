"""Finding all that is wrong with requirements, not only what uv meets first.

uv stops at the first contradiction. So what it names is left out and uv is asked again, until the rest can be resolved
or the time is up. Decisions are in `explain`; here is the loop.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from dagy_builder.contract import Problem, Reason
from dagy_builder.derivation import is_derivation, read_derivation
from dagy_builder.explain import diagnose, problem_of, summary_of, url_dependency
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


def why_not(requirements: Sequence[Asked], output: str, resolver: Resolver, target: Target) -> StepError:
    """The failure with every problem that is found in bounded time; `output` is uv's text on all requirements."""
    deadline = time.monotonic() + _MAX_SECONDS
    left, said, raw = list(requirements), output, [output]
    found: list[tuple[Reason, Problem]] = []
    for _ in range(_MAX_ROUNDS):
        if failure := failure_of(said):
            # An index that is away makes everything else a guess; one missing file is a problem like others.
            if not found or failure.reason is Reason.INDEX_UNREACHABLE:
                return failure
            break
        diagnosis = diagnose(read_derivation(said), left) if is_derivation(said) else None
        if diagnosis is None:
            found.append((Reason.RESOLUTION_FAILED, _unexplained(said)))
            break
        newest = resolver.newest(diagnosis.subject) if diagnosis.reason in _ASKS_NEWEST else None
        found.append((diagnosis.reason, problem_of(diagnosis, newest, target)))
        left = [requirement for requirement in left if requirement not in diagnosis.roots]
        if not left or time.monotonic() > deadline:
            break
        again = resolver.failure_without(left)
        if again is None:
            break
        said = again
        raw.append(again)
    problems = [problem for _, problem in found]
    return StepError(found[0][0], summary_of(problems), problems=problems, raw="\n\n".join(raw))


def _unexplained(output: str) -> Problem:
    if problem := url_dependency(output):
        return problem
    message = f"uv can't resolve the requirements: {first_sentence(output)}"
    return Problem(message=message, why=message)
