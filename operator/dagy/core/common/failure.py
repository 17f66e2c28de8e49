"""A failure as a value: its reason, its sentence and the party at fault, which decides its handling."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from dagy.core.common.reasons import StateReason
from dagy_builder.contract import Fault, Problem, Reason
from dagy_builder.redact import clipped

_KEPT_CHARACTERS = 4000
_NOT_JUDGED = {
    StateReason.CANCELLED,
    StateReason.DEADLINE_EXCEEDED,
    StateReason.POD_NOT_CREATED,
    StateReason.POD_NOT_SCHEDULED,
    StateReason.POD_NOT_STARTED,
    Reason.OUT_OF_MEMORY,
    Reason.DISK_FULL,
    Reason.INDEX_ACCESS_DENIED,
    Reason.INDEX_NOT_TRUSTED,
}


@dataclass(frozen=True)
class Failure:
    """The failure of a Job (or of a check before it).

    `message` is the one sentence that status, Events, CLI, API and console all show.
    """

    reason: str
    message: str
    fault: Fault
    problems: tuple[Problem, ...] = field(default=())
    raw: str | None = None

    @property
    def retryable(self) -> bool:
        """True when another attempt may end well although the package stays as it is."""
        return self.fault is not Fault.USER

    @property
    def blames_requirements(self) -> bool:
        """True when a validation that ends so is INVALID; it is FAILED where the requirements were never judged."""
        return self.fault is Fault.USER and self.reason not in _NOT_JUDGED

    def to_annotation(self) -> str:
        """Reason, sentence and fault as JSON; problems and raw text are in the log."""
        return json.dumps(
            {"reason": self.reason, "message": clipped(self.message, _KEPT_CHARACTERS), "fault": self.fault}
        )


def failure_in(annotation: str) -> Failure | None:
    """Return the failure that `to_annotation` wrote; None for anything else."""
    try:
        kept = json.loads(annotation)
        return Failure(str(kept["reason"]), str(kept["message"]), Fault(kept["fault"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
