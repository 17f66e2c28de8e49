"""Times that another clock has told, or ours before it was put back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from dagy.core.common.timestamp import moment, timestamp
from dagy.core.outcomes.facts import JobFact

_BETWEEN_MACHINES = timedelta(minutes=1)
_TIMES = ("created_at", "waits_since", "ended_at")


def in_the_past(
    jobs: tuple[JobFact, ...], known: Mapping[str, str], now: datetime
) -> tuple[tuple[JobFact, ...], dict[str, str]]:
    """Return the Jobs with no time that lies ahead, and what to remember until the next look.

    Such a time is taken to be that at which it was first seen: what waits for it to pass could wait for hours, and what
    did not wait at all would start one attempt after the other. `known`: what the look before has remembered.
    """
    found: list[JobFact] = []
    seen: dict[str, str] = {}
    for job in jobs:
        ahead = {name: f"{job.uid}/{name}" for name in _TIMES if _is_ahead(getattr(job, name), now)}
        firsts: dict[str, Any] = {name: _first(known.get(key, ""), now) for name, key in ahead.items()}
        seen |= {key: firsts[name] for name, key in ahead.items()}
        found.append(replace(job, **firsts))
    return tuple(found), seen


def _is_ahead(text: str, now: datetime) -> bool:
    return bool(text) and moment(text) - now > _BETWEEN_MACHINES


def _first(known: str, now: datetime) -> str:
    return known if known and not _is_ahead(known, now) else timestamp(now, micro=False)
