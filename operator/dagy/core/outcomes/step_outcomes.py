"""Report of a step: its outcome, out of a termination message or the end of its log. Pure.

Hostile until parsed: where source distributions are allowed, package code can write to both. What comes out has the
right types, bounded lengths, and texts that may be shown anywhere.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from dagy_builder.contract import Fault, Problem, Reason, Step, StepOutcome
from dagy_builder.log_frames import FrameReader
from dagy_builder.redact import one_line, redact

_MESSAGE_CHARACTERS = 2000
_RAW_CHARACTERS = 16_384
_MOST_PROBLEMS = 200
# What Kubernetes takes for a condition's reason, without its punctuation.
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
    """Return what that step's log has told so far."""
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
    known = Problem("").__dataclass_fields__
    cleaned = [
        {name: text for name in known if (text := _text(problem.get(name)))} for problem in listed[:_MOST_PROBLEMS]
    ]
    return [problem for problem in cleaned if "message" in problem] or None


def _result(given: object) -> dict[str, Any] | None:
    if not isinstance(given, dict):
        return None
    raw = given.get("raw")
    rest = {name: value for name, value in given.items() if name != "raw"}
    return {**rest, "raw": redact(raw[-_RAW_CHARACTERS:])[-_RAW_CHARACTERS:]} if isinstance(raw, str) else rest
