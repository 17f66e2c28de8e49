"""The environment of a machine where nobody has installed or activated anything for themselves."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

SHELL = Path(__file__).parent / "cluster/new-machine"
_OF_THE_SHELL = frozenset({"_", "SHLVL", "PWD", "OLDPWD"})


def environment(present: Mapping[str, str]) -> dict[str, str]:
    """What is left of an environment there."""
    done = subprocess.run([SHELL, "-c", "env -0"], env=dict(present), capture_output=True, text=True, check=True)
    found = dict(one.split("=", 1) for one in done.stdout.split("\0") if one)
    return {name: value for name, value in found.items() if name not in _OF_THE_SHELL}


def enter() -> None:
    """Make it this process's environment, and so that of all that it starts."""
    left = environment(os.environ)
    for name in set(os.environ) - set(left) - _OF_THE_SHELL:
        del os.environ[name]
    os.environ.update(left)
