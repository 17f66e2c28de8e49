"""Knowing a process again: by number and start time, since numbers are given anew."""

from __future__ import annotations

import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .layout import ClusterError

ENDS_WITHIN = 20.0
"""Seconds that the kernel gets to end a killed process, with all that hangs on it."""


@dataclass(frozen=True)
class Process:
    """One process of this boot of the machine."""

    pid: int
    start: int
    """Field 22 of /proc/PID/stat: clock ticks after boot."""
    boot: str
    """/proc/sys/kernel/random/boot_id."""

    @classmethod
    def of(cls, pid: int) -> Self:
        """The process that has this number now. Raises ProcessLookupError when there is none."""
        start = start_time(pid)
        if start is None:
            raise ProcessLookupError(pid)
        return cls(pid, start, boot_id())

    def is_alive(self) -> bool:
        """True while it runs; False when another process has got its number."""
        return self.boot == boot_id() and start_time(self.pid) == self.start

    def kill(self) -> None:
        """End it with SIGKILL and wait until it is gone. Raises ClusterError when the kernel doesn't end it."""
        self._end(signal.SIGKILL)

    def await_end(self) -> None:
        """Wait until it has ended by itself. Raises ClusterError when it doesn't."""
        self._end(None)

    def _end(self, sent: signal.Signals | None) -> None:
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            # The handle is fixed to one process, so looking after opening can't be overtaken by a new one.
            if not self.is_alive():
                return
            if sent is not None:
                signal.pidfd_send_signal(handle, sent)
            if not select.select([handle], [], [], ENDS_WITHIN)[0]:
                raise ClusterError(f"Process {self.pid} does not end: see /proc/{self.pid}/stack.")
        except ProcessLookupError:
            return
        finally:
            os.close(handle)


def boot_id() -> str:
    """Return the identifier of this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def start_time(pid: int) -> int | None:
    """A process's start time; None when there is no such process, or only its exit status is left."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field, the program's name, may contain anything, even spaces and parentheses.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[19])


def children(pid: int) -> list[int]:
    """The numbers of a process's children."""
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
