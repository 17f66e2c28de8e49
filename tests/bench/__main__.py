"""`python -m tests.bench`: all figures in one run on one machine. Markdown on standard output, progress on the other."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.bench import attach, cluster, contenders, machine, report
from tests.bench.cases import CASES, PYTHON, Case
from tests.bench.timing import CannotRunError, Contender, compete
from tests.bench.toolbox import Toolbox
from tests.cluster import images
from tests.cluster.image_sources import BUILDER, OPERATOR
from tests.cluster.layout import REPO, current_layout
from tests.core.requirements import bench as requirements_bench

SECTIONS = ("cluster", "others", "attach", "images", "make-up", "requirements")


def main() -> int:
    """Print the figures, and what was left out."""
    # A benchmark that is stopped leaves no namespace and no folder behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = _options()
    layout = current_layout()
    skipped: list[str] = [f"{section}: as asked" for section in options.skip]
    cases = [CASES[letter] for letter in sorted(options.case or CASES)]
    skipped += [f"{case.name}: as asked" for case in CASES.values() if case not in cases]
    print(f"Measured: {machine.description()}.\n")
    with ExitStack() as stack:
        tools = Toolbox(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dagy-bench-tools-"))))
        taking_part = contenders.ours_and_by_hand(tools)
        node = None
        if "cluster" not in options.skip:
            try:
                node = stack.enter_context(cluster.opened(layout))
                taking_part += node.contenders()
            except CannotRunError as error:
                skipped.append(f"cluster: {error}")
        if "others" not in options.skip:
            taking_part += contenders.others(tools)
        for case in cases:
            _competition(case, taking_part, options.rounds, node)
        _how(taking_part, tools)

    def attached() -> None:
        _print(f"Pod start with {CASES['b'].name}", attach.measure(layout, options.rounds, _say))

    for section, show in (
        ("attach", attached),
        ("images", _images),
        ("make-up", _make_up),
        ("requirements", _requirements),
    ):
        if section not in options.skip:
            try:
                show()
            except CannotRunError as error:
                skipped.append(f"{section}: {error}")
    _print("Skipped", [f"- {one}" for one in skipped] or ["Nothing."])
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help=f"only {CASES['b'].name}, and no tools of others: --case b --skip others"
    )
    listed = "; ".join(f"{letter}: {case.name}" for letter, case in CASES.items())
    parser.add_argument("--case", action="append", choices=CASES, help=f"only this case; may be repeated ({listed})")
    parser.add_argument("--rounds", type=int, default=3, help="how often each contender runs, after a warm-up")
    parser.add_argument(
        "--skip", action="append", default=[], choices=SECTIONS, help="leave a section out; may be repeated"
    )
    options = parser.parse_args()
    if options.quick:
        options.case, options.skip = ["b"], [*options.skip, "others"]
    return options


def _competition(case: Case, taking_part: Sequence[Contender], rounds: int, node: cluster.Cluster | None) -> None:
    results = compete(case, taking_part, rounds, _say)
    _print(f"{case.name}, Python {PYTHON}, warm caches, {rounds} rounds", report.competition(results))
    timelines = node.timelines.get(case.name, [])[1:] if node else []
    if timelines:
        _print(f"{case.name}: where the cluster's time goes", report.phases(timelines))


def _how(taking_part: Sequence[Contender], tools: Toolbox) -> None:
    lines = [f"- {one.name}: {contenders.typed(one)}" for one in taking_part]
    if tools.versions:
        lines.append("- releases: " + ", ".join(f"{name} {version}" for name, version in tools.versions.items()))
    _print("What is run", lines)


def _images() -> None:
    layout = current_layout()
    rows = []
    for image in (BUILDER, OPERATOR):
        archive = layout.cache / f"{image.slug}.tar"
        if not archive.exists():
            raise CannotRunError("the images are not built: run `make images`")
        rows.append([image.name, images.sizes(archive)])
    _print("Images", report.table(["image", "size"], rows))


def _make_up() -> None:
    """The first `make up` brings everything up to date, the second has nothing to do."""
    seconds = []
    for which in ("first", "second"):
        _say(f"make up: the {which}")
        started = time.perf_counter()
        # Not as a part of the `make` that runs us.
        environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        done = subprocess.run(
            ["make", "up"], cwd=REPO, env=environment, capture_output=True, text=True, check=False, timeout=1800
        )
        if done.returncode:
            raise CannotRunError(f"`make up` failed: {(done.stderr or done.stdout).strip()[-300:]}")
        seconds.append(time.perf_counter() - started)
    _print("make up", [f"The second `make up` in a row takes {seconds[1]:.1f} s."])


def _requirements() -> None:
    print("## Requirements library\n\n```")
    requirements_bench.main()
    print("```\n")


def _print(title: str, lines: Iterable[str]) -> None:
    print(f"## {title}\n")
    for line in lines:
        print(line)
    print(flush=True)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
