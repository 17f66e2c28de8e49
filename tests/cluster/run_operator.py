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
from functools import partial

from . import doctor, s3
from .kube import kubectl, scaled_down
from .layout import ClusterError, Layout, current_layout

_OPERATOR = ("dagy-system", "dagy-operator")


def environment(layout: Layout) -> dict[str, str]:
    """This process's environment, with the settings of the operator in the cluster."""
    config = json.loads(kubectl(layout, "get", "configmap", "dagy-operator", "--namespace=dagy-system", "-o", "json"))
    settings = {
        "DAGY_HEALTH_PORT": str(doctor.free_port()),
        "DAGY_METRICS_PORT": "0",
        **s3.read_environment(layout),
        **config["data"],
    }
    return {**os.environ, **settings, "KUBECONFIG": str(layout.kubeconfig)}


def main() -> int:
    """Run it. Without a cluster, print a sentence and return exit code 1."""
    layout = current_layout()
    # Also where SIGINT is ignored, as in a shell's background: the one in the cluster must come back.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        values = environment(layout)
        with scaled_down(partial(kubectl, layout), *_OPERATOR):
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
