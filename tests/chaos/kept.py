"""What is kept of runs, a line each, and the table of them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import NamedTuple

from tests.chaos.campaign import Outcome
from tests.chaos.faults import LOST_EVENTS, family

_HEAD = (
    "| Fault | Alone: runs | Injected | In storms: injected | End states equal | Invariants broken | Slowest recovery (s) |",
    "|---|---|---|---|---|---|---|",
)


class Kept(NamedTuple):
    """What a run's line in a file of results says, in this order."""

    fault: str
    scenario: str
    seed: int
    injected: int
    equal: bool
    broken: bool
    recovery: float
    struck: dict[str, int] = {}

    @staticmethod
    def of(outcome: Outcome) -> Kept:
        """What stays of an outcome."""
        name = family(outcome.fault)
        if name == "storm" and outcome.struck[LOST_EVENTS]:
            name = "storm with lost events"
        return Kept(
            name, outcome.scenario, outcome.seed, outcome.injected, outcome.equal,
            bool(outcome.broken), outcome.recovery, dict(outcome.struck),
        )  # fmt: skip


def read(files: list[Path]) -> list[Kept]:
    """The runs of these files; one that is in several counts once, as it was last."""
    runs = [Kept(*json.loads(line)) for file in files for line in file.read_text().splitlines()]
    return list({(run.fault, run.scenario, run.seed or number): run for number, run in enumerate(runs, 1)}.values())


def table(runs: list[Kept]) -> str:
    """The table: each fault alone, how often it struck in storms, and the storms themselves."""
    rows, in_storms = defaultdict(list), Counter[str]()
    for one in runs:
        rows[one.fault].append(one)
        if one.fault.startswith("storm"):
            in_storms.update(one.struck)
    storms = [name for name in sorted(rows) if name.startswith("storm")]
    lines = [_row(name, rows[name], str(in_storms[name])) for name in sorted({*rows, *in_storms} - {*storms})]
    lines += [_row(name, rows[name], "") for name in storms]
    lines.append(_row("all", runs, str(in_storms.total())))
    return "\n".join([*_HEAD, *lines])


def _row(name: str, runs: list[Kept], in_storms: str) -> str:
    if not runs:
        return f"| {name} | 0 | 0 | {in_storms} | | | |"
    equal, broken, injected = sum(r.equal for r in runs), sum(r.broken for r in runs), sum(r.injected for r in runs)
    slowest = max(run.recovery for run in runs)
    return f"| {name} | {len(runs)} | {injected} | {in_storms} | {equal} | {broken} | {slowest:.1f} |"
