"""`python -m tests.release COMMAND`, which the Makefile calls."""

from __future__ import annotations

import argparse
import sys

from tests.cluster.__main__ import alone
from tests.cluster.layout import ClusterError, current_layout
from tests.cluster.progress import Progress
from tests.release import chart, dist


def main() -> int:
    """Run a command; its failure is a sentence and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.release", description=__doc__)
    parser.add_argument("command", choices=["chart", "dist"])
    options = parser.parse_args()
    if options.command == "chart":
        chart.write()
        return 0
    layout, progress = current_layout(), Progress()
    try:
        with alone(layout, progress):
            dist.make(layout, progress)
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
