"""`python -m tests.bench`: all figures in one run on one machine. Markdown on standard output, progress on the other."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.bench import attach, cluster, console, contenders, leftovers, machine, report, search
from tests.bench.cases import CASES, PYTHON, Case
from tests.bench.many import finished, rush, waiting
from tests.bench.start import section as start
from tests.bench.timing import CannotRunError, Contender, compete
from tests.bench.toolbox import Toolbox
from tests.cluster import images
from tests.cluster.image_sources import BUILDER, OPERATOR
from tests.cluster.layout import REPO, current_layout
from tests.core.requirements import bench as requirements_bench

SECTIONS = (
    "cluster", "others", "attach", "start", "images", "make-up", "scale", "waiting", "rush", "search", "console",
    "requirements",
)  # fmt: skip


def main() -> int:
    """Print the figures, and what was left out."""
    # A benchmark that is stopped leaves no namespace and no folder behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = _options()
    skipped: list[str] = [f"{section}: as asked" for section in options.skip]
    cases = [] if options.only else [CASES[letter] for letter in sorted(options.case or CASES)]
    skipped += [f"{case.name}: as asked" for case in CASES.values() if case not in cases]
    print(f"Measured: {machine.description()}.\n")
    with leftovers.folders() as folders, tempfile.TemporaryDirectory(prefix="dagy-bench-tools-") as tools:
        toolbox = Toolbox(Path(tools))
        shows: dict[str, Callable[[], None]] = {
            "builds": lambda: _competitions(cases, options, folders, toolbox, skipped) if cases else None,
            # While those folders are still there: deleting them would slow down what creates files now.
            "attach": lambda: _attach(options.rounds),
            "start": lambda: _start(options.rounds),
            "images": _images,
            "make-up": _make_up,
            "scale": lambda: _scale(options.packages),
            "waiting": lambda: _print(*waiting.section(options.packages, _say)),
            "rush": lambda: _print(*rush.section(options.crowd, _say)),
            "search": _search,
            "console": _console,
            "requirements": _requirements,
        }
        failed = shown({name: show for name, show in shows.items() if name not in options.skip}, skipped)
    _print("Skipped", [f"- {one}" for one in skipped] or ["Nothing."])
    return 1 if failed else 0


def _competitions(
    cases: Sequence[Case],
    options: argparse.Namespace,
    folders: leftovers.Folders,
    tools: Toolbox,
    skipped: list[str],
) -> None:
    with ExitStack() as stack:
        taking_part = contenders.ours_and_by_hand(tools)
        node = None
        if "cluster" not in options.skip:
            try:
                node = stack.enter_context(cluster.opened(current_layout(), _say))
                taking_part += node.contenders()
            except CannotRunError as error:
                skipped.append(f"cluster: {error}")
        if "others" not in options.skip:
            taking_part += contenders.others(tools)
        for case in cases:
            _competition(case, taking_part, options.rounds, folders, node)
        _how(taking_part, tools)


def shown(shows: Mapping[str, Callable[[], None]], skipped: list[str]) -> bool:
    """Show sections, one after the other, whatever becomes of the others; whether one of them failed."""
    failed = False
    for section, show in shows.items():
        try:
            show()
        except CannotRunError as error:
            skipped.append(f"{section}: {error}")
        except Exception as error:
            failed = True
            traceback.print_exc()
            skipped.append(f"{section}: failed with {type(error).__name__}: {str(error)[:300]}")
    return failed


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"only {CASES['b'].name}, and nothing of others' tools, of pod starts and of thousands of packages",
    )
    listed = "; ".join(f"{letter}: {case.name}" for letter, case in CASES.items())
    parser.add_argument("--case", action="append", choices=CASES, help=f"only this case; may be repeated ({listed})")
    parser.add_argument("--rounds", type=int, default=3, help="how often each contender runs, after a warm-up")
    parser.add_argument(
        "--skip", action="append", default=[], choices=SECTIONS, help="leave a section out; may be repeated"
    )
    parser.add_argument("--only", choices=SECTIONS[2:], help="this section and no other, and no builds")
    parser.add_argument("--packages", type=int, default=10_000, help="how many packages `scale` and `waiting` have")
    parser.add_argument("--crowd", type=int, default=2_000, help="how many packages `rush` creates within a minute")
    options = parser.parse_args()
    if options.packages < 2:
        parser.error("--packages: at least 2")
    if options.quick:
        options.case, options.skip = ["b"], [*options.skip, "others", "start", "scale", "waiting", "rush"]
    if options.only:
        options.skip = [section for section in SECTIONS if section != options.only]
    return options


def _competition(
    case: Case,
    taking_part: Sequence[Contender],
    rounds: int,
    folders: leftovers.Folders,
    node: cluster.Cluster | None,
) -> None:
    deleted_before = folders.deleted_early
    results = compete(case, taking_part, rounds, folders, _say)
    note = leftovers.early(folders.deleted_early - deleted_before, "folders")
    lines = [*report.competition(results), *(["", note] if note else [])]
    _print(f"{case.name}, Python {PYTHON}, warm caches, {rounds} rounds", lines)
    timelines = node.timelines.get(case.name, [])[1:] if node else []
    if timelines:
        _print(f"{case.name}: where the cluster's time goes", report.phases(timelines))


def _how(taking_part: Sequence[Contender], tools: Toolbox) -> None:
    lines = [f"- {one.name}: {contenders.typed(one)}" for one in taking_part]
    if tools.versions:
        lines.append("- releases: " + ", ".join(f"{name} {version}" for name, version in tools.versions.items()))
    _print("What is run", lines)


def _attach(rounds: int) -> None:
    _print(f"Pod start with {CASES['b'].name}", attach.measure(current_layout(), rounds, _say))


def _start(rounds: int) -> None:
    title = f"From a pod's creation to its end with {CASES['b'].name}"
    _print(title, start.measure(current_layout(), rounds, _say))


def _scale(packages: int) -> None:
    for title, lines in finished.measure(packages, _say):
        _print(title, lines)


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


def _search() -> None:
    _print("Searching an index", list(report.table(["", ""], search.measure(_say))))


def _console() -> None:
    _print("The web console", list(report.table(["", ""], console.measure(_say))))


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
