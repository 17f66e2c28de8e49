"""Apart from package code: what it can't look into, and the end of what it has started, daemons included."""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress

_PR_SET_DUMPABLE = 4  # prctl(2)


def hide_from_package_code() -> None:
    """Keep processes of the same user out of this one: its memory, its open files, its environment (proc(5)).

    What it starts is as open as before, so uv and package code see one another, but not the step that reads what they
    leave. Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE) failed")


def end_all_others() -> None:
    """Kill every other process of this container, and wait until none is left.

    Only as process 1 of a PID namespace, where "all processes" are the container's: kill(2) with -1 then spares nobody
    but the caller, and no process that is being forked escapes. Elsewhere (on a laptop) nothing is done.
    """
    if os.getpid() != 1:
        return
    with suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    # Process 1 inherits all orphans, so these are all its children.
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return
