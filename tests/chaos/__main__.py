"""`make chaos`: play runs for a while and print the table."""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dagy_builder.storage.store import ObjectStore
from tests.chaos.campaign import Campaign, Outcome, campaign, crashes, observing, sampled
from tests.chaos.faults import family
from tests.chaos.scenarios import SCENARIOS
from tests.chaos.virtual_time import VirtualLoop, run
from tests.fakes.api_server import api_server
from tests.fakes.kubelet import BUCKET
from tests.s3server import s3_server


def table(outcomes: list[Outcome]) -> str:
    """The table: fault, runs, end states equal, invariants broken, slowest recovery."""
    rows = defaultdict(list)
    for outcome in outcomes:
        rows[family(outcome.fault)].append(outcome)
    lines = [
        "| Fault | Runs | Injected | End states equal | Invariants broken | Slowest recovery (s) |",
        "|---|---|---|---|---|---|",
    ]
    for name, runs in [*sorted(rows.items()), ("all", outcomes)]:
        equal, broken = sum(o.equal for o in runs), sum(bool(o.broken) for o in runs)
        slowest, injected = max((o.recovery for o in runs), default=0.0), sum(o.injected for o in runs)
        lines.append(f"| {name} | {len(runs)} | {injected} | {equal} | {broken} | {slowest:.1f} |")
    return "\n".join(lines)


def _told(outcome: Outcome, clean: Outcome) -> str:
    differs = "" if outcome.equal else "".join(f"\n    end: {text}" for text in _differences(outcome.end, clean.end))
    broken = "".join(f"\n    broken: {text}" for text in outcome.broken)
    said = "".join(f"\n      {text}" for text in outcome.transitions[-12:]) if outcome.broken or differs else ""
    return f"{outcome.scenario}, seed {outcome.seed}: {outcome.fault} ({outcome.recovery:.0f} s){broken}{differs}{said}"


def _differences(found: Any, expected: Any, path: str = "") -> Iterator[str]:
    """Where two ends differ."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for name in sorted({*found, *expected}):
            yield from _differences(found.get(name), expected.get(name), f"{path}/{name}")
    elif found != expected:
        yield f"{path}: {json.dumps(found)[:300]} instead of {json.dumps(expected)[:300]}"


async def _play(plays: Campaign, args: argparse.Namespace) -> list[Outcome]:
    outcomes: list[Outcome] = []
    end = time.monotonic() + args.seconds
    names = [name for name in SCENARIOS if not args.scenario or name in args.scenario]

    def note(outcome: Outcome, clean: Outcome) -> None:
        outcomes.append(outcome)
        if outcome.broken or not outcome.equal or outcome.recovery > args.slow:
            print(_told(outcome, clean), flush=True)
        if args.verbose:
            print(f"{outcome.seconds:.1f} s, {outcome.calls} requests: {outcome.scenario}: {outcome.fault}", flush=True)
        outcome.end = None

    if args.crashes:
        for scenario in names:
            clean = await plays.clean(scenario)
            for fault in crashes(clean):
                if time.monotonic() < end:
                    note(await plays.play(scenario, fault), clean)
    seed = args.seed
    while time.monotonic() < end and (not args.runs or seed < args.seed + args.runs):
        scenario = names[seed % len(names)]
        clean = await plays.clean(scenario)
        note(await plays.play(scenario, sampled(clean, seed), seed), clean)
        seed += 1
    print(f"The next seed is {seed}.")
    return outcomes


def main() -> None:
    """Play."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0, help="how long to play")
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--runs", type=int, default=0, help="how many seeds; as many as there is time for when 0")
    parser.add_argument("--crashes", action="store_true", help="first a crash before and after each write")
    parser.add_argument("--slow", type=float, default=1e9, help="print also runs that took longer to recover")
    parser.add_argument("--verbose", action="store_true", help="print a line for each run")
    parser.add_argument("scenario", nargs="*")
    args = parser.parse_args()
    faulthandler.register(signal.SIGUSR1)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as text:
        folder = Path(text)
        for name in ("k", "s"):
            (folder / name).mkdir()
        with api_server(folder / "k") as kubeconfig, s3_server(folder / "s", BUCKET) as variables:
            os.environ.update(variables)
            data, begun = folder / "s/data" / BUCKET, time.monotonic()

            async def whole(loop: VirtualLoop) -> list[Outcome]:
                with observing(str(kubeconfig), data) as observer:
                    async with campaign(str(kubeconfig), ObjectStore(BUCKET), data, loop, observer, "c") as plays:
                        return await _play(plays, args)

            outcomes = run(whole)
            print(table(outcomes))
            seconds = time.monotonic() - begun
            print(f"{len(outcomes)} runs in {seconds:.0f} s, {3600 * len(outcomes) / seconds:.0f} an hour.")
    sys.exit(any(outcome.broken or not outcome.equal for outcome in outcomes))


if __name__ == "__main__":
    main()
