"""What is said of a list that holds entries which are no requirements. Pure."""

from __future__ import annotations

from dagy.core.common.failure import Failure
from dagy.core.package.plan import BuildPlan
from dagy_builder.contract import Fault, Problem, Reason


def malformed(plan: BuildPlan) -> Failure:
    """The failure of a plan whose list holds entries that are no requirements (`normalized.errors`)."""
    errors = plan.normalized.errors
    problems = tuple(Problem(message=e.message, requirement=e.text, hint=e.hint) for e in errors)
    first = f"{errors[0].message} {errors[0].hint or ''}".strip()
    others = len(errors) - 1
    more = f" {others} more cannot be read; see status.validation.errors." if others else ""
    return Failure(Reason.MALFORMED_REQUIREMENT, first + more, Fault.USER, problems)
