"""kubectl, on the cluster of this state folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .layout import Layout
from .shell import run

MANAGER = "make-up"
"""Field manager (server-side apply) of all that is applied from here."""


def command(layout: Layout) -> list[str]:
    """kubectl with the cluster's kubeconfig: the one built for the cluster, or else the machine's."""
    program = layout.bin / "kubectl"
    return [str(program) if program.exists() else "kubectl", f"--kubeconfig={layout.kubeconfig}"]


def kubectl(layout: Layout, *arguments: str, stdin: str | None = None) -> str:
    """Run kubectl and return its output. Raises ClusterError with kubectl's words when it fails."""
    return run([*command(layout), *arguments], stdin=stdin)


def apply_objects(layout: Layout, objects: Iterable[Mapping[str, Any]]) -> None:
    """Apply objects (server-side apply). They travel on standard input, so that Secrets are in no list of processes."""
    everything = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    options = ["--server-side", "--force-conflicts", f"--field-manager={MANAGER}"]
    kubectl(layout, "apply", *options, "-f", "-", stdin=json.dumps(everything))


@contextmanager
def scaled_down(kubectl: Callable[..., str], namespace: str, deployment: str, *, replicas: int = 1) -> Iterator[None]:
    """No pod of the Deployment while the block runs, and all of them ready after it. `kubectl` takes its arguments."""
    there, label = f"--namespace={namespace}", f"app.kubernetes.io/name={deployment}"
    kubectl("scale", "deployment", deployment, "--replicas=0", there)
    try:
        kubectl("wait", "--for=delete", "pod", "-l", label, "--timeout=60s", there)
        yield
    finally:
        kubectl("scale", "deployment", deployment, f"--replicas={replicas}", there)
        kubectl("rollout", "status", f"deployment/{deployment}", "--timeout=90s", there)
