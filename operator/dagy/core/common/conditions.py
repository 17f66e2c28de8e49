"""One rule for all conditions: their time changes with their status, and with nothing else. Pure.

Source: Kubernetes' API conventions, "Typical status properties".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from dagy.core.common.timestamp import timestamp
from dagy.model.status import Condition, ConditionType

Row = tuple[ConditionType, bool | None, str, str]
"""Type, status (None: unknown), reason, message."""
_STATUS = {True: "True", False: "False", None: "Unknown"}


def conditions_of(
    previous: Iterable[Condition], rows: Iterable[Row], generation: int, now: datetime
) -> list[Condition]:
    """Return the rows as conditions; those whose status is that in `previous` keep their time."""
    before = {c.type: c for c in previous}
    return [_condition(before.get(row[0]), row, generation, now) for row in rows]


def reason_in(conditions: Iterable[Condition]) -> str:
    """Return the cause of the present state: Ready's, or Settled's while nobody asks for an artifact. Else empty."""
    return reason_among({c.type: c.reason for c in conditions})


def reason_among(reasons: Mapping[str, str]) -> str:
    """Return what `reason_in` returns, of the conditions' reasons by their types."""
    return reasons.get(ConditionType.READY) or reasons.get(ConditionType.SETTLED) or ""


def _condition(before: Condition | None, row: Row, generation: int, now: datetime) -> Condition:
    kind, true, reason, message = row
    status = _STATUS[true]
    since = before.last_transition_time if before and before.status == status else timestamp(now, micro=False)
    return Condition(
        type=kind,
        status=status,  # type: ignore[arg-type]
        reason=reason,
        message=message,
        last_transition_time=since,
        observed_generation=generation,
    )
