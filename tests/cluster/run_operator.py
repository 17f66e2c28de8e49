"""`make run-operator`: the operator of this working tree, on this machine instead of in the cluster, until Ctrl-C.

It runs in the foreground, so that `breakpoint()` stops in the terminal, with the settings and the bucket of the one in the
cluster, which rests meanwhile.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from . import doctor, s3
from .kube import kubectl
from .layout import ClusterError, Layout, current_layout

_DEPLOYMENT = ("--namespace=dagy-system", "deployment/dagy-operator")


@contextmanager
def resting(layout: Layout) -> Iterator[None]:
    """No operator runs in the cluster; afterwards one does again."""
    kubectl(layout, "scale", "--replicas=0", *_DEPLOYMENT)
    try:
        selector = "app.kubernetes.io/name=dagy-operator"
        kubectl(
            layout, "wait", "--namespace=dagy-system", "--for=delete", "pod", f"--selector={selector}", "--timeout=60s"
        )
        yield
    finally:
        kubectl(layout, "scale", "--replicas=1", *_DEPLOYMENT)


def environment(layout: Layout) -> dict[str, str]:
    """This process's environment, with the settings of the operator in the cluster."""
    config = json.loads(kubectl(layout, "get", "configmap", "dagy-operator", "--namespace=dagy-system", "-o", "json"))
    settings = {"DAGY_HEALTH_PORT": str(doctor.free_port()), **s3.read_environment(layout), **config["data"]}
    return {**os.environ, **settings, "KUBECONFIG": str(layout.kubeconfig)}


def main() -> int:
    """Run it; a cluster that isn't there is a sentence and exit code 1."""
    layout = current_layout()
    # Also where SIGINT is ignored, as in a shell's background: the one in the cluster must come back.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        values = environment(layout)
        with resting(layout):
            return subprocess.run(
                [sys.executable, "-m", "dagy.controller", *sys.argv[1:]], env=values, check=False
            ).returncode
    except (ClusterError, FileNotFoundError) as e:
        print(f"error: {e}. `make up` starts a cluster.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
