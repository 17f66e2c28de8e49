"""A condition's time is when its status last changed, whatever else of it did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dagy.core.common.conditions import conditions_of
from dagy.model.status import ConditionType

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("before", "after", "written", "keeps_time"),
    [
        (True, True, "True", True),
        (False, True, "True", False),
        (None, False, "False", False),
        (None, None, "Unknown", True),
    ],
)
def test_the_time_follows_the_status(before: bool | None, after: bool | None, written: str, keeps_time: bool) -> None:
    old = conditions_of([], [(ConditionType.READY, before, "Before", "It was so.")], 1, NOW)
    (new,) = conditions_of(old, [(ConditionType.READY, after, "After", "It is so.")], 2, LATER)
    assert (new.status, new.reason, new.message, new.observed_generation) == (written, "After", "It is so.", 2)
    assert new.last_transition_time == ("2026-11-21T12:00:00Z" if keeps_time else "2026-11-21T13:00:00Z")


def test_a_condition_that_was_not_there_begins_now() -> None:
    old = conditions_of([], [(ConditionType.READY, True, "Built", "")], 1, NOW)
    (new,) = conditions_of(old, [(ConditionType.STALLED, True, "Built", "")], 1, LATER)
    assert new.last_transition_time == "2026-11-21T13:00:00Z"
