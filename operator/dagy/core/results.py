"""What a validation prints at the end of its log: the lock, or what is wrong. Pure.

Hostile until parsed: where source distributions are allowed, package code can write to that log.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable

from dagy.core.diagnose import failure_of
from dagy.core.failure import Failure
from dagy.core.logs import heading, without_result
from dagy.core.told import outcome_in
from dagy_builder.contract import RESULT_PREFIX, Fault, Reason, Step, StepOutcome
from dagy_builder.redact import one_line

_LOCK_LIMIT_BYTES = 900_000  # a ConfigMap holds 1 MiB in all
_MOST_WARNINGS = 50
_WARNING_CHARACTERS = 1000


def result_in(log: str) -> StepOutcome | None:
    """The outcome that `resolve` prints last. None when there is none."""
    lines = log.strip().splitlines()
    if not lines or not lines[-1].startswith(RESULT_PREFIX):
        return None
    outcome = outcome_in(lines[-1].removeprefix(RESULT_PREFIX))
    return outcome if outcome and outcome.step == Step.RESOLVE else None


def lock_in(outcome: StepOutcome | None) -> str | Failure:
    """The lock's text, or why there is none that can be used."""
    try:
        packed = base64.b64decode((outcome.result or {})["lock"] if outcome else "")
        text = zlib.decompressobj(wbits=47).decompress(packed, _LOCK_LIMIT_BYTES + 1).decode()
    except (KeyError, ValueError, TypeError, zlib.error):
        text = ""
    if not text:
        return Failure(
            Reason.INTERNAL_ERROR,
            "The validation's log ends without a lock. It is validated again.",
            Fault.INFRASTRUCTURE,
        )
    if len(text) > _LOCK_LIMIT_BYTES:
        return Failure(
            Reason.TOO_LARGE,
            "The lock of these requirements is larger than 900 kB. Split the package into several ones.",
            Fault.USER,
        )
    return text


def warnings_in(outcome: StepOutcome | None) -> tuple[str, ...]:
    """What the resolver remarks, as text that may be shown."""
    found = (outcome.result or {}).get("warnings") if outcome else None
    texts = [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
    return tuple(one_line(text, _WARNING_CHARACTERS) for text in texts[:_MOST_WARNINGS])


def rejection_in(log: str) -> Failure | None:
    """The failed validation in full, as its log tells."""
    outcome = result_in(log)
    return failure_of(outcome) if outcome and not outcome.ok else None


def log_text(parts: Iterable[tuple[Step, str]], failure: Failure | None) -> str:
    """The log that is kept: a part for each step, and at the end why the attempt failed, which a killed step can't."""
    told = "".join(f"{heading(step)}{without_result(log)}\n" for step, log in parts)
    return f"{told}{heading(failure.reason)}{failure.message}\n" if failure else told
