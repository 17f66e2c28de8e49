"""Decision whether and when a request is sent again. Pure but for the jitter."""

from __future__ import annotations

import random
from collections.abc import Mapping

ATTEMPTS = 5
CONNECTION_ATTEMPTS = 8
"""Of a request that never left, because nobody listens: about half a minute, in which a replica starts."""
_FIRST_SECONDS = 0.25
_LONGEST_SECONDS = 10.0
_OVERLOADED = frozenset({429, 503})
"""Answers that say: not handled, come again."""
BROKEN = frozenset({502, 504, 500})
"""Answers after which the request may have been carried out."""


def after_answer(
    attempt: int, status: int, headers: Mapping[str, str], *, repeatable: bool, problem: bool
) -> float | None:
    """Seconds until attempt number `attempt` (from 1) is followed by another; None when it is the last.

    `problem`: the answer is the API's own. Its 500 is a fault that another attempt would meet again.
    """
    if attempt >= ATTEMPTS:
        return None
    again = status in _OVERLOADED or (repeatable and status in BROKEN and not (status == 500 and problem))
    return max(_delay(attempt), _retry_after(headers)) if again else None


def after_failure(attempt: int, *, repeatable: bool, sent: bool) -> float | None:
    """The same when there was no answer. `sent`: the request may have reached the server."""
    if not sent:
        return _delay(attempt) if attempt < CONNECTION_ATTEMPTS else None
    return _delay(attempt) if repeatable and attempt < ATTEMPTS else None


def _delay(attempt: int) -> float:
    """Doubling, with jitter, so that many clients don't come back at once."""
    return min(_LONGEST_SECONDS, _FIRST_SECONDS * 2.0**attempt) * random.uniform(0.5, 1.0)  # noqa: S311 no secret


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds of the header Retry-After (RFC 9110); its form as a date counts as absent."""
    value = headers.get("retry-after", "")
    return min(float(value), 60.0) if value.isascii() and value.isdigit() else 0.0
