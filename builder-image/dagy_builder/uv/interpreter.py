"""Which CPython the packages are installed for, and which one runs uv's work."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dagy_builder.contract import Fault, Reason
from dagy_builder.failure import StepError
from dagy_builder.target import Target
from dagy_builder.uv.runner import Uv

DEFAULT_ROOT = "/opt/python"


def bundled_interpreter(target: Target, root: Path | None = None) -> Path | None:
    """The target's Python in the builder image (below DAGY_PYTHON_ROOT), or None outside of it."""
    root = root or Path(os.environ.get("DAGY_PYTHON_ROOT", DEFAULT_ROOT))
    path = root / target.python_version / "bin" / f"python{target.python_version}"
    return path if path.exists() else None


def find_interpreter(target: Target, uv: Uv, root: Path | None = None) -> Path | None:
    """The target's Python on this machine, the image's own first; or None."""
    if bundled := bundled_interpreter(target, root):
        return bundled
    if "{}.{}".format(*sys.version_info) == target.python_version:
        return Path(sys.executable)
    found = uv.run(["python", "find", "--no-project", "--no-config", target.python_version], lambda _: None)
    path = Path(found.output.strip())
    return path if found.code == 0 and path.exists() else None


def require_interpreter(target: Target, uv: Uv) -> Path:
    """Like `find_interpreter`, for source distributions, which only the target's own Python can build."""
    found = find_interpreter(target, uv)
    if found is None:
        raise StepError(
            Reason.PYTHON_MISSING,
            f"CPython {target.python_version} is not on this machine, and source distributions are built with it. "
            f"Install it (uv python install {target.python_version}) or allow wheels only.",
            Fault.ADMINISTRATOR,
        )
    return found
