"""How the containers of one pod hand over: no polling, and a death is noticed like an end.

All start together. A step holds a lock (flock) on its file from its start to its death, and leaves its outcome in
another file. The next step waits for the lock. Since a step may wait for one that has not started yet, each start is
also announced through a FIFO, which keeps a byte for a reader that opened it earlier. Through the same FIFO a running
step tells who follows it that there is more to see.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dagy_builder.contract import Step, StepOutcome

_SHARED_MODE = 0o660
_SHARED_FOLDER_MODE = 0o2770


class Handover:
    """The files in one folder that all containers share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def running(self, step: Step) -> Iterator[Callable[[], None]]:
        """Mark `step` as running until the block or this process ends; call what it yields to wake who follows it."""
        self._make()
        with self._lock_file(step) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._started(step).touch(_SHARED_MODE)
            # Read and write, because opening a FIFO for writing alone blocks or fails while nobody reads.
            fifo = os.open(self._fifo(step), os.O_RDWR | os.O_NONBLOCK)
            try:
                self._wake(fifo)
                yield lambda: self._wake(fifo)
            finally:
                os.close(fifo)

    def leave(self, outcome: StepOutcome) -> None:
        """Leave the outcome of a running step for the next one."""
        partial = self._folder / f"{outcome.step}.partial"
        partial.write_text(outcome.to_text())
        partial.replace(self._result(Step(outcome.step)))

    def wait_for(self, step: Step) -> StepOutcome | None:
        """Block until `step` has ended, also when it has not started yet; None when it ended without an outcome."""
        self._make()
        # Opened before the first look: from here on no announcement can be missed.
        fifo = os.open(self._fifo(step), os.O_RDONLY | os.O_NONBLOCK)
        try:
            while not self._ended(step):
                waiter = select.poll()
                waiter.register(fifo, select.POLLIN)
                waiter.poll()
        finally:
            os.close(fifo)
        return self._outcome(step)

    def follow(self, step: Step) -> Iterator[None]:
        """Yield when `step` starts and whenever it calls to be looked at, until it has ended."""
        self._make()
        # Opened before the first look: from here on no call can be missed.
        fifo = os.open(self._fifo(step), os.O_RDONLY | os.O_NONBLOCK)
        try:
            waiter = select.poll()
            waiter.register(fifo, select.POLLIN)
            while not self._ended(step, wait=False):
                events = waiter.poll()
                if events[0][1] & select.POLLIN:
                    os.read(fifo, select.PIPE_BUF)
                elif self._ended(step):  # it let go of the FIFO; its lock follows
                    return
                yield
        finally:
            os.close(fifo)

    @staticmethod
    def _wake(fifo: int) -> None:
        # A full FIFO wakes its reader as well.
        with suppress(BlockingIOError):
            os.write(fifo, b".")

    def _ended(self, step: Step, *, wait: bool = True) -> bool:
        """False when the step has not started; otherwise wait for its end, or don't and tell whether it has come."""
        with self._lock_file(step) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                return False
            return self._started(step).exists()

    def _outcome(self, step: Step) -> StepOutcome | None:
        try:
            return StepOutcome.from_json(json.loads(self._result(step).read_text()))
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def _make(self) -> None:
        self._folder.mkdir(mode=_SHARED_FOLDER_MODE, parents=True, exist_ok=True)
        for step in Step:
            with suppress(FileExistsError):
                os.mkfifo(self._fifo(step), _SHARED_MODE)

    @contextmanager
    def _lock_file(self, step: Step) -> Iterator[int]:
        fd = os.open(self._folder / f"{step}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, _SHARED_MODE)
        try:
            yield fd
        finally:
            os.close(fd)

    def _fifo(self, step: Step) -> Path:
        return self._folder / f"{step}.fifo"

    def _started(self, step: Step) -> Path:
        return self._folder / f"{step}.started"

    def _result(self, step: Step) -> Path:
        return self._folder / f"{step}.json"
