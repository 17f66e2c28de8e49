"""Which log answers for a step of a package, and how a Job's log is written down. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dagy.core.facts import JobFact, JobKind
from dagy.model.status import DepPackageStatus
from dagy_builder.contract import RESULT_PREFIX
from dagy_builder.redact import LINE_CHARACTERS, log_line

_LINE_BYTES = 4 * LINE_CHARACTERS + 4  # UTF-8 needs four bytes at most; what is beyond is cut anyway


def heading(step: str) -> str:
    """The line above a step's log."""
    return f"=== {step} ===\n"


def without_result(log: str) -> str:
    """The log as it may be shown, without the machine-readable result that `resolve` prints last."""
    return "\n".join(log_line(line) for line in log.splitlines() if not line.startswith(RESULT_PREFIX))


def newest_job(jobs: Iterable[JobFact], kind: JobKind) -> JobFact | None:
    """The last attempt of that step."""
    return max((job for job in jobs if job.kind is kind), key=lambda job: (job.created_at, job.attempt), default=None)


def kept_log(status: DepPackageStatus, kind: JobKind) -> str | None:
    """URI of the last kept log of that step; None when there is none."""
    if kind is JobKind.VALIDATE:
        return status.validation.log_uri if status.validation else None
    candidates = (status.build.log_uri if status.build else None, status.artifact.log_uri if status.artifact else None)
    return next((uri for uri in candidates if uri), None)


@dataclass(frozen=True)
class LineFilter:
    """Makes a stream of bytes one that may be shown, without `RESULT_PREFIX` lines.

    `rest` is the line that has not ended yet: its beginning, because it need never end.
    """

    rest: bytes = b""

    def feed(self, chunk: bytes) -> tuple[LineFilter, bytes]:
        """The filter to go on with, and what may be shown."""
        *lines, rest = (self.rest + chunk).split(b"\n")
        return LineFilter(rest[:_LINE_BYTES]), b"".join(_shown(line) + b"\n" for line in lines if not _is_result(line))

    def end(self) -> bytes:
        """What is left when the stream has ended."""
        return b"" if _is_result(self.rest) else _shown(self.rest)


def _is_result(line: bytes) -> bool:
    return line.startswith(RESULT_PREFIX.encode())


def _shown(line: bytes) -> bytes:
    return log_line(line[:_LINE_BYTES].decode(errors="replace")).encode()
