"""`python -m tests.cluster COMMAND`: what the Makefile calls."""

from __future__ import annotations

import sys

from . import binaries, node
from .layout import ClusterError, current_layout
from .progress import Progress


def main() -> int:
    layout, progress = current_layout(), Progress()
    try:
        match sys.argv[1]:
            case "up":
                binaries.build_all(layout, progress)
                node.start(layout, progress)
                node.await_ready(layout, progress)
            case "down":
                print(node.clear(layout))
    except ClusterError as e:
        print(f"error: {e}", file=sys.stderr)
        return 1
    return 0


sys.exit(main())
