"""Report of a step: its outcome, out of a termination message or the end of its log. Pure.

Hostile until parsed: where source distributions are allowed, package code can write to both. The result has the right
types, bounded lengths, and texts that may be shown anywhere.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from dagy.model.validation import MOST_FIXES
from dagy_builder.contract import Fault, Problem, Reason, Step, StepOutcome
from dagy_builder.log_frames import FrameReader
from dagy_builder.redact import one_line, redact

_MESSAGE_CHARACTERS = 2000
_RAW_CHARACTERS = 16_384
_MOST_PROBLEMS = 200
_FIXES = "fixes"
# The form of a condition's reason in Kubernetes, without its punctuation.
_REASON = re.compile(r"[A-Z][A-Za-z0-9]{0,63}")


@dataclass(frozen=True)
class Complete:
    """A step's whole outcome, as its log tells."""

    outcome: StepOutcome


@dataclass(frozen=True)
class Incomplete:
    """The log does not tell the whole outcome; `why` is the end of a sentence."""

    why: str


Result = Complete | Incomplete


def result_of(frames: FrameReader, step: Step) -> Result:
    """Return the result that the step's log has told so far."""
    text = frames.text()
    if text is None:
        return Incomplete(frames.flaw())
    outcome = parse_outcome(text)
    if outcome is None or outcome.step != step:
        return Incomplete(f"what the log ends with is no outcome of {step}")
    return Complete(outcome)


def parse_outcome(text: str) -> StepOutcome | None:
    """Return the outcome; None when the text holds none."""
    try:
        outcome = StepOutcome.from_json(json.loads(text))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    if outcome.step not in tuple(Step) or not isinstance(outcome.ok, bool):
        return None
    return replace(
        outcome,
        seconds=_seconds(outcome.seconds),
        reason=_reason(outcome.reason),
        message=_text(outcome.message),
        fault=outcome.fault if outcome.fault in tuple(Fault) else None,
        problems=_problems(outcome.problems),
        result=_result(outcome.result),
    )


def _seconds(given: object) -> float:
    return float(given) if isinstance(given, int | float) and 0 <= given < 1e9 else 0.0


def _reason(given: object) -> str | None:
    if given is None:
        return None
    return given if isinstance(given, str) and _REASON.fullmatch(given) else Reason.INTERNAL_ERROR


def _text(given: object) -> str | None:
    return one_line(given, _MESSAGE_CHARACTERS) or None if isinstance(given, str) else None


def _problems(given: object) -> list[dict[str, Any]] | None:
    listed = [problem for problem in given if isinstance(problem, dict)] if isinstance(given, list) else []
    known = [name for name in Problem("").__dataclass_fields__ if name != _FIXES]
    cleaned: list[dict[str, Any]] = []
    for problem in listed[:_MOST_PROBLEMS]:
        texts: dict[str, Any] = {name: text for name in known if (text := _text(problem.get(name)))}
        fixes = _fixes(problem.get(_FIXES))
        cleaned.append({**texts, _FIXES: fixes} if fixes else texts)
    return [problem for problem in cleaned if "message" in problem] or None


def _fixes(given: object) -> list[dict[str, Any]]:
    listed = [fix for fix in given if isinstance(fix, dict)] if isinstance(given, list) else []
    cleaned = [
        {name: text for name in ("requirement", "replacement", "version") if (text := _text(fix.get(name)))}
        | {"tried": fix.get("tried") is True}
        for fix in listed[:MOST_FIXES]
    ]
    return [fix for fix in cleaned if "requirement" in fix and "replacement" in fix]


def _result(given: object) -> dict[str, Any] | None:
    if not isinstance(given, dict):
        return None
    raw = given.get("raw")
    rest = {name: value for name, value in given.items() if name != "raw"}
    return {**rest, "raw": redact(raw[-_RAW_CHARACTERS:])[-_RAW_CHARACTERS:]} if isinstance(raw, str) else rest
