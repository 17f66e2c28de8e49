"""Going on while S3 is away, for a bounded time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

from dagy_builder.contract import Reason
from dagy_builder.storage.errors import StorageError

T = TypeVar("T")
_FIRST_DELAY, _LONGEST_DELAY = 1.0, 15.0
_DEFAULT_BUDGET = 600.0


def retry_budget() -> float:
    """Seconds to go on while S3 does not answer: DAGY_S3_RETRY_SECONDS, or ten minutes."""
    text = os.environ.get("DAGY_S3_RETRY_SECONDS", "")
    return float(text) if text.isascii() and text.isdigit() else _DEFAULT_BUDGET


def while_unreachable(
    call: Callable[[], T],
    log: Callable[[str], None],
    budget: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Repeat `call` with growing pauses as long as S3 can't be reached and `budget` (seconds) lasts.

    Any other StorageError is raised at once: waiting does not mend wrong credentials.
    """
    deadline, delay = clock() + budget, _FIRST_DELAY
    while True:
        try:
            return call()
        except StorageError as error:
            left = deadline - clock()
            if error.reason is not Reason.STORAGE_UNREACHABLE or left <= 0:
                raise
            pause = min(delay, left)
            log(f"{error.message.split('. ')[0]}; trying again in {pause:.0f} s, for {_duration(left)} more")
            sleep(pause)
            delay = min(delay * 2, _LONGEST_DELAY)


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
