"""Telling a step's outcome: cut to the size that Kubernetes keeps, and written to the file that it reads."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from dagy_builder.contract import NONCE_VARIABLE, TERMINATION_MESSAGE_LIMIT, StepOutcome
from dagy_builder.log_frames import RESULT_LIMIT_BYTES, framed
from dagy_builder.redact import clipped as words

_DEFAULT_LOG = "/dev/termination-log"
# What a short report can do without, in this order: all of it is in the step's log. The lock's hash stays: by it the
# reader of the log knows that it has found that lock.
_DISPENSABLE_RESULTS = ("lock", "packages", "raw", "warnings")
_NO_NONCE = "-"
_DISPENSABLE_DETAILS = ("fixes", "why", "exists", "wanted", "hint")


def clipped(outcome: StepOutcome, limit: int = TERMINATION_MESSAGE_LIMIT) -> str:
    """The outcome as JSON of at most `limit` bytes: details go first, then the ends of sentences, then problems."""
    result = dict(outcome.result or {})
    for name in _DISPENSABLE_RESULTS:
        if _fits(outcome, limit):
            return outcome.to_text()
        result.pop(name, None)
        outcome = replace(outcome, result=result or None)
    for name in _DISPENSABLE_DETAILS:
        if _fits(outcome, limit):
            return outcome.to_text()
        outcome = replace(outcome, problems=[_without(problem, name) for problem in outcome.problems or []])
    for length in (400, 200, 100):
        if _fits(outcome, limit):
            return outcome.to_text()
        outcome = _shortened(outcome, length)
    while outcome.problems and not _fits(outcome, limit):
        outcome = replace(outcome, problems=outcome.problems[:-1])
    if _fits(outcome, limit):
        return outcome.to_text()
    return replace(outcome, problems=None, result=None, message=words(outcome.message or "", 100)).to_text()


def write_termination_log(outcome: StepOutcome) -> None:
    """Write the clipped outcome to DAGY_TERMINATION_LOG, or to Kubernetes' default place where there is one."""
    path = Path(os.environ.get("DAGY_TERMINATION_LOG", _DEFAULT_LOG))
    if "DAGY_TERMINATION_LOG" in os.environ or (path.exists() and os.access(path, os.W_OK)):
        path.write_text(clipped(outcome))


def result_lines(outcome: StepOutcome) -> list[str]:
    """The whole outcome as the lines that end the log of a Job's last step."""
    return framed(clipped(outcome, RESULT_LIMIT_BYTES), os.environ.get(NONCE_VARIABLE) or _NO_NONCE)


def _fits(outcome: StepOutcome, limit: int) -> bool:
    return len(outcome.to_text().encode()) <= limit


def _shortened(outcome: StepOutcome, length: int) -> StepOutcome:
    problems = [
        {name: words(text, length) if isinstance(text, str) else text for name, text in problem.items()}
        for problem in outcome.problems or []
    ]
    return replace(outcome, message=words(outcome.message or "", 2 * length) or None, problems=problems or None)


def _without(problem: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in problem.items() if key != name}
