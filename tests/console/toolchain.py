"""The console's tool chain, as `make console` runs it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts import module_of

ROOT = Path(__file__).parents[2]
CONSOLE = ROOT / "operator/console"
_UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ECONNRESET", "ENETUNREACH", "ENOTCACHED")


@cache
def make() -> ModuleType:
    """operator/console/make.py, which is in no package."""
    return module_of(CONSOLE / "make.py")


@cache
def installed() -> Path:
    """The folder with the npm packages. Skips the test where the registry can't be reached."""
    done = make().install()
    if done.returncode and any(word in done.stderr for word in _UNREACHABLE):
        pytest.skip("npm's registry can't be reached, so the console's tools can't be installed.")
    assert done.returncode == 0, done.stderr
    return CONSOLE / "node_modules"
