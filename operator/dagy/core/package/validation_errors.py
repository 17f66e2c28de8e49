"""What is wrong with a list, as status tells it: which entry of spec.dependencies, and what would solve it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dagy.core.common.failure import Failure
from dagy.core.package.plan import BuildPlan
from dagy.core.requirements import RequirementError, parse_dependency
from dagy.model.validation import MOST_FIXES, Fix, ValidationError
from dagy_builder.contract import Fix as FoundFix
from dagy_builder.contract import Problem
from dagy_builder.redact import clipped

_TEXT_LIMIT = 4000
_MOST_ERRORS = 200
_VERSION_LIMIT = 128


def validation_errors(plan: BuildPlan, failure: Failure) -> list[ValidationError]:
    """The failure's problems, or the failure itself where it has none.

    Positions are those of the present list: another order of it is the same list, and isn't validated again.
    """
    places = _places(plan)
    problems = failure.problems or (Problem(failure.message),)
    return [_error(problem, places) for problem in problems[:_MOST_ERRORS]]


def _places(plan: BuildPlan) -> Mapping[str, list[int]]:
    """Where in spec.dependencies a text stands: normalized, or as it was written where it can't be read."""
    places: dict[str, list[int]] = {}
    listed = plan.normalized
    for text, index in zip(listed.dependencies, listed.positions, strict=True):
        places.setdefault(text, []).append(index)
    for error in listed.errors:
        places.setdefault(error.text, []).append(error.index)
    return places


def _error(problem: Problem, places: Mapping[str, list[int]]) -> ValidationError:
    texts = {name: value for name, value in problem.to_json().items() if isinstance(value, str)}
    return ValidationError.model_validate(
        {name: clipped(text, _TEXT_LIMIT) for name, text in texts.items()}
        | {"index": _taken(places, problem.requirement), "fixes": _fixes(problem.fixes or (), places)}
    )


def _taken(places: Mapping[str, list[int]], text: str | None) -> int | None:
    """The place of a text; of several that are alike and wrong each gets its own."""
    found = places.get(text or "") or []
    return found.pop(0) if len(found) > 1 else next(iter(found), None)


def _fixes(fixes: Sequence[Mapping[str, Any]], places: Mapping[str, list[int]]) -> list[Fix]:
    """Those that are requirements: somebody may put them into the list with one click."""
    read = [FoundFix.from_json(fix) for fix in fixes[:MOST_FIXES]]
    return [
        Fix(
            requirement=clipped(fix.requirement, _TEXT_LIMIT),
            replacement=fix.replacement,
            version=clipped(fix.version, _VERSION_LIMIT) if fix.version else None,
            tried=fix.tried,
            index=next(iter(places.get(fix.requirement) or ()), None),
        )
        for fix in read
        if _is_requirement(fix.replacement)
    ]


def _is_requirement(text: str) -> bool:
    try:
        parse_dependency(text)
    except RequirementError:
        return False
    return True
