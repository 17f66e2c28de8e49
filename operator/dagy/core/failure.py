"""A failure as a value: what happened, whose fault it is, and therefore what is done about it."""

from __future__ import annotations

from dataclasses import dataclass, field

from dagy_builder.contract import Fault, Problem


@dataclass(frozen=True)
class Failure:
    """Why a Job (or a check before it) failed.

    `message` is the one sentence that status, Events, CLI, API and console all show.
    """

    reason: str
    message: str
    fault: Fault
    problems: tuple[Problem, ...] = field(default=())
    raw: str | None = None

    @property
    def retryable(self) -> bool:
        """Only what the infrastructure did wrong is worth another attempt; the user's faults would come back."""
        return self.fault is Fault.INFRASTRUCTURE
