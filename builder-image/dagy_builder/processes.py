"""The end of what package code has started, daemons included."""

from __future__ import annotations

import os
import signal
from contextlib import suppress


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
