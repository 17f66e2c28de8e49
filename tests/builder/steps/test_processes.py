"""The step's own process is closed to what it starts."""

from __future__ import annotations

import subprocess
import sys

# Root may look into everything, so it becomes somebody else; that hides a process, until it is told otherwise.
_STEP = """
import ctypes, os, sys
from dagy_builder.steps.processes import hide_from_package_code
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
if sys.argv[1] == "hidden":
    hide_from_package_code()
reader, writer = os.pipe()
step = os.getpid()
if os.fork() == 0:
    opened = 0
    for path, flags in ((f"/proc/{step}/mem", os.O_RDWR), (f"/proc/{step}/fd/{writer}", os.O_WRONLY)):
        try:
            os.close(os.open(path, flags))
        except PermissionError:
            continue
        opened += 1
    os._exit(opened)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def _opened(how: str) -> int:
    return subprocess.run([sys.executable, "-c", _STEP, how], check=False, timeout=60).returncode


def test_memory_and_open_files_of_the_step_are_closed_to_package_code() -> None:
    assert _opened("as it is") == 2, "or this machine hides them anyway, and the test shows nothing"
    assert _opened("hidden") == 0
