"""Sources of what was built from Go modules: Go has them since, with the manifests that are among them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.cluster.layout import GO_MODULES, current_layout
from tests.cluster.toolchain import go_for


def module_folder(family: str, module: str) -> Path:
    """Return the folder of a module that a family is built of."""
    argv = [go_for(current_layout(), family).command, "list", "-mod=readonly", "-m", "-f", "{{.Dir}}", module]
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    found = subprocess.run(
        argv, cwd=GO_MODULES / family, check=True, capture_output=True, text=True, env=environment, timeout=120
    )
    return Path(found.stdout.strip())
