"""`make chaos`: play runs for a while and print the table."""

from __future__ import annotations

import argparse
import faulthandler
import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dagy_builder.storage.store import ObjectStore
from tests.chaos.campaign import Campaign, Outcome, campaign, observing
from tests.chaos.kept import Kept, read, table
from tests.chaos.sampled import crashes, sampled
from tests.chaos.scenarios import SCENARIOS
from tests.chaos.virtual_time import VirtualLoop, run
from tests.fakes.kubelet import BUCKET
from tests.fakes.servers import both_servers


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
            print(
                f"{outcome.seconds:.1f} s, {outcome.size.calls} requests: {outcome.scenario}: {outcome.fault}",
                flush=True,
            )
        outcome.end = None
        if args.keep:
            with args.keep.open("a") as kept:
                print(json.dumps(Kept.of(outcome)), file=kept)

    if args.crashes:
        for scenario in names:
            clean = await plays.clean(scenario)
            for fault in crashes(clean.size):
                if time.monotonic() < end:
                    note(await plays.play(scenario, fault), clean)
    seed = args.seed
    while time.monotonic() < end and (not args.runs or seed < args.seed + args.runs):
        scenario = names[seed % len(names)]
        clean = await plays.clean(scenario)
        note(await plays.play(scenario, sampled(clean.size, seed), seed), clean)
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
    parser.add_argument("--keep", type=Path, help="add a line for each run to this file")
    parser.add_argument("--table", action="store_true", help="play nothing, print the table of the files FILE...")
    parser.add_argument("scenario", nargs="*", metavar="SCENARIO or FILE")
    args = parser.parse_args()
    if args.table:
        print(table(read([Path(file) for file in args.scenario])))
        return
    faulthandler.register(signal.SIGUSR1)
    with both_servers() as (kubeconfig, data):
        begun = time.monotonic()

        async def whole(loop: VirtualLoop) -> list[Outcome]:
            with observing(str(kubeconfig), data) as observer:
                async with campaign(str(kubeconfig), ObjectStore(BUCKET), data, loop, observer, "c") as plays:
                    return await _play(plays, args)

        outcomes = run(whole)
        print(table([Kept.of(outcome) for outcome in outcomes]))
        seconds = time.monotonic() - begun
        print(f"{len(outcomes)} runs in {seconds:.0f} s, {3600 * len(outcomes) / seconds:.0f} an hour.")
    sys.exit(any(outcome.broken or not outcome.equal for outcome in outcomes))


if __name__ == "__main__":
    main()
