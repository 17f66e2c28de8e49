"""Whose fault a failure is, as a number."""

from __future__ import annotations

from dagy_builder.contract import StepOutcome
from dagy_builder.failure import exit_code_of


def test_exit_codes() -> None:
    assert exit_code_of(StepOutcome("install", ok=True)) == 0
    assert exit_code_of(StepOutcome("install", ok=False, fault="User")) == 65
    assert exit_code_of(StepOutcome("install", ok=False, fault="Infrastructure")) == 75
