"""Result of a validation, at the end of its log: the lock, or the problems. Pure.

Hostile until parsed: where source distributions are allowed, package code can write to that log.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from dagy.core.common.failure import Failure
from dagy.core.common.reasons import StateReason
from dagy.core.outcomes.diagnosis import Success, failure_of, standing_of
from dagy.core.outcomes.facts import JobFact
from dagy.core.outcomes.logs import heading, without_result
from dagy.core.outcomes.step_outcomes import Complete, Incomplete, Result
from dagy_builder.contract import Fault, Step, StepOutcome
from dagy_builder.packed_lock import unpack
from dagy_builder.redact import one_line

_MOST_WARNINGS = 50
_WARNING_CHARACTERS = 1000
_LOCK_HASH = "lockHash"


@dataclass(frozen=True)
class FoundLock:
    """A lock as a validation found it; `hash` is the SHA-256 of its text."""

    text: str
    hash: str
    warnings: tuple[str, ...] = ()


def lock_in(job: JobFact, result: Result) -> FoundLock | Failure:
    """Return the lock that a validation tells of in its log, if it is the one that its termination message names."""
    if isinstance(result, Incomplete):
        return _incomplete(job, result.why)
    try:
        text = unpack(base64.b64decode((result.outcome.result or {})["lock"], validate=True))
    except (KeyError, ValueError, TypeError) as error:
        return _incomplete(job, f"the lock in it can't be read ({type(error).__name__})")
    lock_hash, standing = hashlib.sha256(text.encode()).hexdigest(), standing_of(job)
    named = (standing.outcome.result or {}).get(_LOCK_HASH) if isinstance(standing, Success) else None
    if named not in (None, lock_hash):
        return _incomplete(job, "the lock in it is another one than the step named when it ended")
    return FoundLock(text, lock_hash, warnings_in(result.outcome))


def _incomplete(job: JobFact, why: str) -> Failure:
    return Failure(
        StateReason.RESULT_INCOMPLETE,
        f"The requirements were resolved, but the result did not come whole out of the log of Job {job.name}: {why}.",
        Fault.INFRASTRUCTURE,
    )


def warnings_in(outcome: StepOutcome) -> tuple[str, ...]:
    """Return the resolver's warnings, as texts that may be shown."""
    found = (outcome.result or {}).get("warnings")
    texts = [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
    return tuple(one_line(text, _WARNING_CHARACTERS) for text in texts[:_MOST_WARNINGS])


def rejection_in(result: Result | None) -> Failure | None:
    """Return the failed validation in full, as its log tells."""
    if not isinstance(result, Complete) or result.outcome.step != Step.RESOLVE or result.outcome.ok:
        return None
    return failure_of(result.outcome)


def log_text(parts: Iterable[tuple[Step, str]], failure: Failure | None) -> str:
    """Return the log to keep: a part for each step, and at its end the failure, which a killed step can't tell."""
    told = "".join(f"{heading(step)}{without_result(log)}\n" for step, log in parts)
    return f"{told}{heading(failure.reason)}{failure.message}\n" if failure else told
