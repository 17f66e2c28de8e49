"""A private API server with everything that DAGY's parts need of it: CRDs, roles, policies, namespaces."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import rights
from tests.cluster.controlplane import control_plane
from tests.cluster.layout import current_layout

ROOT = Path(__file__).parents[2]
NAMESPACES = ("team-a", "team-b", "dagy-builds", "dagy-system")


@contextmanager
def api_server(folder: Path) -> Iterator[Path]:
    """Serve while the block runs, with all state in `folder`. Yield an administrator's kubeconfig."""
    layout = current_layout()
    with control_plane(layout, folder) as path:

        def kubectl(*arguments: str, stdin: Any = None) -> tuple[int, str]:
            argv = [str(layout.bin / "kubectl"), f"--kubeconfig={path}", *arguments]
            text = None if stdin is None else json.dumps(stdin)
            done = subprocess.run(argv, input=text, capture_output=True, text=True, check=stdin is None)
            return done.returncode, done.stdout + done.stderr

        kubectl("apply", "--server-side", "-k", str(ROOT / "crds"))
        kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        # These wait while their storage is being set up.
        kubectl("get", "deppackages,slugclaims,flowdeployments", "--all-namespaces")
        for namespace in NAMESPACES:
            kubectl("create", "namespace", namespace)
        rights.grant(kubectl)
        yield path
