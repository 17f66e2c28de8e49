"""Which log answers for a step of a package, and how a Job's log is written down. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from dagy.core.outcomes.facts import JobFact, JobKind
from dagy.core.outcomes.step_outcomes import Incomplete, Result, result_of
from dagy.model.status import DepPackageStatus
from dagy_builder.contract import RESULT_PREFIX, Step
from dagy_builder.log_frames import FrameReader
from dagy_builder.redact import LINE_CHARACTERS, log_line

_KEPT_BYTES = 20_000_000
_LINE_BYTES = 4 * LINE_CHARACTERS + 4  # UTF-8 needs four bytes at most; what is beyond is cut anyway


def heading(step: str) -> str:
    """Return the line above a step's log."""
    return f"=== {step} ===\n"


def without_result(log: str) -> str:
    """Return the log as it may be shown, without the machine-readable result at its end."""
    return "\n".join(log_line(line) for line in log.splitlines() if not line.startswith(RESULT_PREFIX))


def newest_job(jobs: Iterable[JobFact], kind: JobKind) -> JobFact | None:
    """Return the last attempt of that step."""
    return max((job for job in jobs if job.kind is kind), key=lambda job: (job.created_at, job.attempt), default=None)


def kept_log(status: DepPackageStatus, kind: JobKind) -> str | None:
    """URI of the last kept log of that step; None when there is none."""
    if kind is JobKind.VALIDATE:
        return status.validation.log_uri if status.validation else None
    candidates = (status.build.log_uri if status.build else None, status.artifact.log_uri if status.artifact else None)
    return next((uri for uri in candidates if uri), None)


@dataclass(frozen=True)
class StepLog:
    """A step's log: its text, the end of it when it is long, and the result that it tells."""

    text: str
    result: Result


NOT_STARTED = StepLog("", Incomplete("its container never started"))
POD_GONE = StepLog("(The pod is gone, and its log with it.)", Incomplete("the pod is gone, and its log with it"))


class LogReader:
    """Takes the log of a step of a pod in pieces, once, and keeps of it what there is room for."""

    def __init__(self, pod_uid: str, step: Step) -> None:
        self._frames, self._step = FrameReader(pod_uid), step
        self._kept: deque[bytes] = deque()
        self._size = self._dropped = 0

    def feed(self, chunk: bytes) -> None:
        """The log's next bytes."""
        self._frames.feed(chunk)
        self._kept.append(chunk)
        self._size += len(chunk)
        while self._size > _KEPT_BYTES:
            gone = len(self._kept.popleft())
            self._size -= gone
            self._dropped += gone

    @property
    def result(self) -> Result:
        """What has been told so far."""
        return result_of(self._frames, self._step)

    def end(self) -> StepLog:
        """Return the log, which has ended."""
        self._frames.feed(b"\n")
        cut = f"({self._dropped:,} bytes before this are left out.)\n" if self._dropped else ""
        return StepLog(cut + b"".join(self._kept).decode("utf-8", errors="replace"), self.result)


@dataclass(frozen=True)
class LineFilter:
    """Makes a stream of bytes one that may be shown, without `RESULT_PREFIX` lines.

    `rest` is the line that has not ended yet: its beginning, because it need never end.
    """

    rest: bytes = b""

    def feed(self, chunk: bytes) -> tuple[LineFilter, bytes]:
        """Return the filter to go on with, and what may be shown."""
        *lines, rest = (self.rest + chunk).split(b"\n")
        return LineFilter(rest[:_LINE_BYTES]), b"".join(_shown(line) + b"\n" for line in lines if not _is_result(line))

    def end(self) -> bytes:
        """Return what is left when the stream has ended."""
        return b"" if _is_result(self.rest) else _shown(self.rest)


def _is_result(line: bytes) -> bool:
    return line.startswith(RESULT_PREFIX.encode())


def _shown(line: bytes) -> bytes:
    return log_line(line[:_LINE_BYTES].decode(errors="replace")).encode()
