"""The API server's time, as its answers tell it: one clock for all operators, whatever their nodes' clocks say."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_WHOLE_SECOND = timedelta(seconds=1)
_TOLERANCE = timedelta(seconds=2)


class ServerClock:
    """A clock that is set by the API server's answers, and goes on by itself between them.

    It begins with this machine's time, and never asks for that again.
    """

    def __init__(
        self,
        own: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._zero = own() - timedelta(seconds=monotonic())

    def __call__(self) -> datetime:
        """Return the time."""
        return self._zero + timedelta(seconds=self._monotonic())

    def told(self, asked: datetime, status: int, headers: Mapping[str, str]) -> None:
        """Take note of an answer's Date. `asked`: when its request was sent, by this clock.

        The server wrote it between request and answer. A clock that agrees with that is left alone: whole seconds are
        too coarse to set one that is right, and it must not go back for nothing.
        """
        if status >= 400:  # it may come from something in between, which has a clock of its own
            return
        try:
            date = parsedate_to_datetime(headers.get("Date", "")).astimezone(UTC)
        except (ValueError, OverflowError):
            return
        now = self()
        if not asked - _WHOLE_SECOND - _TOLERANCE <= date <= now + _TOLERANCE:
            self._zero += date - now
