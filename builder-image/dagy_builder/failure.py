"""The one way in which a step fails."""

from __future__ import annotations

from collections.abc import Sequence

from dagy_builder.contract import ExitCode, Fault, Problem, Reason, Step, StepOutcome


class StepError(Exception):
    """A step can't go on. The message is one or two sentences: the event, its object, the cause, and the next step."""

    def __init__(
        self,
        reason: Reason,
        message: str,
        fault: Fault = Fault.USER,
        problems: Sequence[Problem] = (),
        raw: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reason, self.message, self.fault = reason, message, fault
        self.problems, self.raw = tuple(problems), raw

    def outcome(self, step: Step, seconds: float) -> StepOutcome:
        """The failure as the outcome of `step`."""
        return StepOutcome(
            step=step,
            ok=False,
            seconds=round(seconds, 3),
            reason=self.reason,
            message=self.message,
            fault=self.fault,
            problems=[problem.to_json() for problem in self.problems] or None,
            result={"raw": self.raw} if self.raw else None,
        )


def exit_code_of(outcome: StepOutcome) -> int:
    """Return the exit code for the outcome's fault."""
    if outcome.ok:
        return ExitCode.OK
    codes = {Fault.USER: ExitCode.USER, Fault.ADMINISTRATOR: ExitCode.ADMINISTRATOR}
    return codes.get(Fault(outcome.fault), ExitCode.INFRASTRUCTURE) if outcome.fault else ExitCode.INFRASTRUCTURE
