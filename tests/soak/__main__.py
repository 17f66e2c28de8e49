"""`make soak`: play rounds for as long as one lets it; fail when something grows."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.chaos.virtual_time import VirtualLoop, run
from tests.fakes.servers import both_servers
from tests.soak.growth import LEAST_ROUNDS, Growth, growths
from tests.soak.rounds import Vitals, soak
from tests.soak.vitals import ALLOWED


def table(found: Sequence[Growth]) -> Iterator[str]:
    """What became of each quantity, as Markdown."""
    yield "| | after the warm-up | at the end | grown, by the line through all rounds | may grow by |"
    yield "|---|---:|---:|---:|---:|"
    for one in found:
        yield f"| {one.name} | {one.first:,.0f} | {one.last:,.0f} | {one.grown:,.2f} | {one.allowed:,.1f} |"


def main() -> int:
    """Play."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0, help="how long to play")
    parser.add_argument("--keep", type=Path, help="add a line for each round to this file")
    options = parser.parse_args()
    end, begun = time.monotonic() + options.seconds, time.monotonic()

    def go_on(rounds: list[Vitals]) -> bool:
        if rounds:
            told = ", ".join(f"{name} {value:,.0f}" for name, value in rounds[-1].items())
            print(f"{time.monotonic() - begun:6.0f} s, round {len(rounds)}: {told}", flush=True)
            if options.keep:
                with options.keep.open("a") as kept:
                    print(json.dumps(rounds[-1]), file=kept)
        return time.monotonic() < end or len(rounds) < LEAST_ROUNDS

    with both_servers() as (kubeconfig, data):

        async def whole(loop: VirtualLoop) -> tuple[list[Vitals], float]:
            return await soak(loop, kubeconfig, data, go_on), loop.time()

        rounds, lived = run(whole)
    found = growths(rounds, ALLOWED)
    print(f"{len(rounds)} rounds, {lived / 86400:.1f} days for the operator.\n", *table(found), sep="\n")
    return any(one.is_leak for one in found)


if __name__ == "__main__":
    sys.exit(main())
