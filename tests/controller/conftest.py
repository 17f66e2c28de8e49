"""kubectl, for what the API server itself refuses."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.cluster.layout import current_layout


@pytest.fixture
def kubectl(kubeconfig: str) -> Any:
    """kubectl; exit code and everything it said."""

    def run(*arguments: str, stdin: Any = None) -> tuple[int, str]:
        argv = [str(current_layout().bin / "kubectl"), f"--kubeconfig={kubeconfig}", "-n", "team-a", *arguments]
        done = subprocess.run(argv, input=json.dumps(stdin), capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run
