"""Handover between the containers of one pod: one way only, and a death is noticed like an end.

All start together. Each step owns a folder, `<work>/<step>`, which no other container can write to: there it holds a
lock (flock) on a file from its start to its death, and leaves its outcome. The next step waits for the lock. Through a
FIFO a running step tells its follower that there is more to see.

The files of the step before may be the work of strangers' code, and are read as such.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dagy_builder.contract import Step, StepOutcome, step_folder
from dagy_builder.steps.outcome import clipped

_RUNNING, _OUTCOME, _FIFO = "running", "outcome.json", "more"
_FILE_MODE, _FOLDER_MODE = 0o640, 0o2770
_OUTCOME_BYTES = 1 << 20
# Between two looks for a step that has not started yet, in seconds. The kernel's watches (inotify) are few for each
# user of a node, so that a stranger's code could use them up; and not every sandbox passes them between containers.
_LOOK_AGAIN = 0.02


def tree_in(work: Path) -> Path:
    """The installed packages."""
    return step_folder(work, Step.INSTALL) / "tree"


def packed_in(work: Path) -> Path:
    """The folder of the ZIP and the files that belong to it."""
    return step_folder(work, Step.PACKAGE)


class Handover:
    """The steps' folders below one work folder."""

    def __init__(self, work: Path, subject: str = "") -> None:
        """`subject`: which of several results of a step it is; each has an end and an outcome of its own."""
        self._work = work
        self._running, self._outcome, self._fifo = (f"{subject}{name}" for name in (_RUNNING, _OUTCOME, _FIFO))

    @contextmanager
    def running(self, step: Step) -> Iterator[Callable[[], None]]:
        """Mark `step` as running until the block or this process ends; the yielded function wakes the follower."""
        folder = step_folder(self._work, step)
        folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        (folder / self._fifo).unlink(missing_ok=True)
        os.mkfifo(folder / self._fifo, _FILE_MODE)
        # Read and write, because opening a FIFO for writing alone blocks or fails while nobody reads.
        fifo = os.open(folder / self._fifo, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        new = folder / f"{self._running}.new"
        lock = os.open(new, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, _FILE_MODE)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # It gets its name once it is locked: whoever sees it sees a step that runs or has ended.
            new.replace(folder / self._running)
            yield lambda: _wake(fifo)
        finally:
            os.close(lock)
            os.close(fifo)

    def leave(self, outcome: StepOutcome) -> None:
        """Leave the outcome of a running step for the next one."""
        folder = step_folder(self._work, Step(outcome.step))
        partial = folder / f"{self._outcome}.partial"
        partial.write_text(clipped(outcome, _OUTCOME_BYTES))
        partial.replace(folder / self._outcome)

    def wait_for(self, step: Step) -> StepOutcome | None:
        """Block until `step` has ended, also when it has not started yet; None when it ended without an outcome."""
        folder = self._await_start(step)
        _ended(folder / self._running, wait=True)
        return _outcome(folder / self._outcome, step)

    def follow(self, step: Step) -> Iterator[None]:
        """Yield when `step` starts and whenever it calls to be looked at, until it has ended.

        Only for a step that runs no package code: a writer to its folder could hold the reader up.
        """
        folder = self._await_start(step)
        # Opened before the first look: from here on no call can be missed.
        fifo = _open(folder / self._fifo)
        try:
            waiter = select.poll()
            waiter.register(fifo, select.POLLIN)
            while not _ended(folder / self._running, wait=False):
                yield
                events = waiter.poll()
                if events[0][1] & select.POLLIN:
                    os.read(fifo, select.PIPE_BUF)
                else:  # it let go of the FIFO, after its lock
                    return
        finally:
            os.close(fifo)

    def _await_start(self, step: Step) -> Path:
        folder = step_folder(self._work, step)
        while not os.path.lexists(folder / self._running):
            time.sleep(_LOOK_AGAIN)
        return folder


def _wake(fifo: int) -> None:
    # A full FIFO wakes its reader as well.
    with suppress(BlockingIOError):
        os.write(fifo, b".")


def _ended(running: Path, *, wait: bool) -> bool:
    """Return True when a step that has started has let go of its lock; with `wait`, wait for its end first."""
    try:
        lock = _open(running)
    except OSError:
        return True  # not what a step of ours leaves
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def _outcome(path: Path, step: Step) -> StepOutcome | None:
    try:
        fd = _open(path)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return None
            text = file.read(_OUTCOME_BYTES + 1)
        if len(text) > _OUTCOME_BYTES:
            return None
        outcome = StepOutcome.from_json(json.loads(text))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return None
    return outcome if outcome.step == step else None


def _open(path: Path) -> int:
    # A link may lead elsewhere, and to open a FIFO would block for ever.
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


class TailReader:
    """Reads a file that another step is still writing, at `path`, which may not even exist yet.

    `ticks` yields whenever there may be more of it, and ends when the writer has ended.
    """

    def __init__(self, path: Path, ticks: Iterable[None] = ()) -> None:
        self._path, self._ticks = path, iter(ticks)

    def wait_for(self, size: int) -> bool:
        """Wait until that many bytes are there, or the writer has ended. False when it ended without a file."""
        while not (self._path.exists() and self._path.stat().st_size >= size) and self._more():
            pass
        return self._path.exists()

    def blocks(self, size: int) -> Iterator[bytes]:
        """All bytes in blocks of `size`, the last one shorter, each as soon as it is there. Can be started again.

        Raises FileNotFoundError when the writer ended without a file.
        """
        self.wait_for(0)
        with self._path.open("rb", buffering=0) as file:
            offset = 0
            while block := self._block(file.fileno(), offset, size):
                yield block
                offset += len(block)

    def _block(self, fd: int, offset: int, size: int) -> bytes:
        while os.fstat(fd).st_size < offset + size and self._more():
            pass
        block = bytearray()
        while piece := os.pread(fd, size - len(block), offset + len(block)):
            block += piece
        return bytes(block)

    def _more(self) -> bool:
        return next(self._ticks, self) is None
