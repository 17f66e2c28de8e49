"""What is wrong with a list, with the place of each entry in the list as it was written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dagy.core.common.failure import Failure
from dagy.core.package.plan import malformed_failure
from dagy.core.package.validation_errors import validation_errors
from dagy.model.status import DepPackageStatus
from dagy.model.validation import ValidationError
from dagy_builder.contract import Fault, Fix, Problem
from tests.fakes.facts import plan

LISTED = ["Six", "not one!", "pandas==1.0.0", "numpy; python_version<'3'", "idna==1", "IDNA >= 3", "not one!"]


def errors(*problems: Problem, listed: list[str] = LISTED) -> list[ValidationError]:
    return validation_errors(plan(dependencies=listed), Failure("NoWheel", "m", Fault.USER, problems))


def test_each_is_found_where_it_was_written() -> None:
    found = errors(*(Problem("m", requirement=text) for text in ("pandas==1.0.0", "six", "idna>=3", "numpy", "other")))
    assert [error.index for error in found] == [2, 0, 5, None, None]


def test_what_can_not_be_read_is_found_too() -> None:
    told = plan(dependencies=LISTED)
    assert [error.index for error in validation_errors(told, malformed_failure(told))] == [1, 6]


def test_fixes_are_requirements_of_a_row() -> None:
    fixes = [
        Fix("pandas==1.0.0", "pandas>=2.3,<2.4", "2.3.1", tried=True),
        Fix("pandas==1.0.0", "-r /etc/passwd", "1", tried=True),
        Fix("pandas==1.0.0", "pandas @ file:///x", None),
        Fix("elsewhere", "else>=1"),
    ]
    (error,) = errors(Problem("m", requirement="pandas==1.0.0", fixes=[fix.to_json() for fix in fixes]))
    assert [(fix.index, fix.replacement, fix.version, fix.tried) for fix in error.fixes] == [
        (2, "pandas>=2.3,<2.4", "2.3.1", True),
        (None, "else>=1", None, False),
    ]


def test_a_failure_without_problems_is_one() -> None:
    (error,) = errors()
    assert (error.message, error.index, error.fixes) == ("m", None, [])


@given(st.lists(st.builds(Fix, st.text(max_size=9000), st.sampled_from(["a>=1", "!"]), st.none() | st.text()), max_size=30), st.text(max_size=9000))  # fmt: skip
def test_status_holds_what_comes_of_any(fixes: list[Fix], text: str) -> None:
    found = errors(Problem("m", requirement=text, hint=text, fixes=[fix.to_json() for fix in fixes]))
    again = DepPackageStatus.model_validate(
        {"validation": {"specHash": "x", "time": "t", "errors": [e.to_json() for e in found]}}
    )
    assert again.validation
    assert again.validation.errors == found


@given(st.permutations(["six", "pandas==1.0.0", "idna"]))
def test_another_order_moves_them(listed: list[str]) -> None:
    (error,) = errors(Problem("m", requirement="pandas==1.0.0"), listed=listed)
    assert error.index is not None
    assert listed[error.index] == "pandas==1.0.0"
