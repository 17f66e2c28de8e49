"""How often and when an attempt is repeated. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

FIRST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(minutes=5)


def retry_delay(attempt: int, seed: str) -> timedelta:
    """Delay after failed attempt number `attempt` (from 1): doubling, capped, with jitter that depends on `seed` only.

    The jitter (up to a quarter) spreads many packages that failed for one common reason; being a function of the seed,
    it gives the same time in each pass and in each operator.
    """
    base = min(LONGEST_DELAY, FIRST_DELAY * float(2 ** min(attempt - 1, 10)))
    digest = hashlib.sha256(f"{seed}/{attempt}".encode()).digest()
    return base * (1 + digest[0] / 1020)


def retry_at(failed_at: datetime, attempt: int, limit: int | None, seed: str) -> datetime | None:
    """When attempt `attempt` + 1 may start, or None when `limit` repetitions have been used up; without one, always."""
    if limit is not None and attempt > limit:
        return None
    return failed_at + retry_delay(attempt, seed)
