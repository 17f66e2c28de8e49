"""Logs: the one that answers for a step of a package, and a Job's log as it is written down. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from dagy.core.outcomes.facts import JobFact
from dagy.core.outcomes.step_outcomes import Incomplete, Result, result_of
from dagy.model.status import DepPackageStatus, JobKind
from dagy_builder.contract import RESULT_PREFIX, Step
from dagy_builder.log_frames import FrameReader
from dagy_builder.redact import LINE_CHARACTERS, coloured_log_line, log_line

_KEPT_BYTES = 20_000_000
_LINE_BYTES = 4 * LINE_CHARACTERS + 4  # UTF-8 needs four bytes at most; the rest is cut anyway


def heading(step: str) -> str:
    """Return the line above a step's log."""
    return f"=== {step} ===\n"


def without_result(log: str) -> str:
    """Return the log as it may be shown, without the machine-readable result at its end."""
    lines = log.removesuffix("\n").split("\n")  # as `LineFilter` does, so that a place in the one is one in the other
    return "\n".join(log_line(line) for line in lines if not line.startswith(RESULT_PREFIX))


def newest_job(jobs: Iterable[JobFact], kind: JobKind, attempt: int | None = None) -> JobFact | None:
    """Return the last attempt of that step, or the last one with that number."""
    meant = [job for job in jobs if job.kind is kind and attempt in (None, job.attempt)]
    return max(meant, key=lambda job: (job.created_at, job.attempt), default=None)


def kept_log(status: DepPackageStatus, kind: JobKind, attempt: int | None = None) -> str | None:
    """URI of the last kept log of that step, or of the attempt with that number; None when there is none."""
    if attempt is not None:
        failed = [one for one in (status.build.attempts if status.build else ()) if one.job is kind]
        found = next((one for one in reversed(failed) if one.number == attempt), None)
        if found:
            return found.log_uri
        present = status.build.attempt if status.build and kind is JobKind.BUILD else None
        if attempt != (present or max((one.number for one in failed), default=0) + 1):
            return None
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
    """Takes the log of a step of a pod in pieces, once, and keeps as much of its end as there is room for."""

    def __init__(self, pod_uid: str, step: Step) -> None:
        self._frames, self._step = FrameReader(pod_uid), step
        self._kept: deque[bytes] = deque()
        self._size = self._dropped = 0

    def feed(self, chunk: bytes) -> None:
        """Take the log's next bytes."""
        self._frames.feed(chunk)
        self._kept.append(chunk)
        self._size += len(chunk)
        while self._size > _KEPT_BYTES:
            gone = len(self._kept.popleft())
            self._size -= gone
            self._dropped += gone

    @property
    def result(self) -> Result:
        """The result as far as it has been told."""
        return result_of(self._frames, self._step)

    def end(self) -> StepLog:
        """Return the log, which has ended."""
        self._frames.feed(b"\n")
        cut = f"({self._dropped:,} bytes before this are left out.)\n" if self._dropped else ""
        return StepLog(cut + b"".join(self._kept).decode("utf-8", errors="replace"), self.result)


@dataclass(frozen=True)
class LineFilter:
    """Makes a stream of bytes one that may be shown.

    `rest` is the line that has not ended yet: its beginning, because it need never end.
    """

    rest: bytes = b""
    of_run: bool = False
    """A flow's own log: its colours stay. Else a step's, without `RESULT_PREFIX` lines."""

    def feed(self, chunk: bytes) -> tuple[LineFilter, bytes]:
        """Return the filter to go on with, and the bytes that may be shown."""
        *lines, rest = (self.rest + chunk).split(b"\n")
        told = b"".join(self._shown(line) + b"\n" for line in lines if not self._is_result(line))
        return LineFilter(rest[:_LINE_BYTES], self.of_run), told

    def end(self) -> bytes:
        """Return the bytes that are left when the stream has ended."""
        return b"" if self._is_result(self.rest) else self._shown(self.rest)

    def _is_result(self, line: bytes) -> bool:
        return not self.of_run and line.startswith(RESULT_PREFIX.encode())

    def _shown(self, line: bytes) -> bytes:
        text = line[:_LINE_BYTES].decode(errors="replace")
        return (coloured_log_line(text) if self.of_run else log_line(text)).encode()
