"""The figures of the section `start` as one table, and what they say. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.report import table
from tests.bench.start.ways import BAKED, FIRST, Pull


@dataclass(frozen=True)
class Start:
    """One pod: seconds after its creation, CPU seconds of the node until it had imported, bytes on the disk then."""

    begun: float
    imported: float
    ended: float
    cpu: float
    disk: int


@dataclass(frozen=True)
class Burst:
    """Pods at once: seconds until the last one has ended, CPU seconds of the node, bytes on the disk at most."""

    wall: float
    cpu: float
    disk: int


def figures(starts: Mapping[str, Sequence[Start]], bursts: Mapping[str, Burst], at_once: int) -> Iterator[str]:
    """The table: medians, with the least and the most for the end of the import. What was not measured is empty."""
    head = ["one pod", "first line, s", "end of import, s", "to baked", "end of the pod, s", "CPU s", "disk, MB"]
    head += [f"{at_once} at once: s", "to baked", "CPU s", "disk at most, MB"]
    baked = _median(starts.get(BAKED, ()), lambda one: one.imported)
    burst = bursts.get(BAKED)
    rows = []
    for name in dict.fromkeys([*starts, *bursts]):
        rows.append([name, *_one(starts.get(name, ()), baked), *_many(bursts.get(name), burst)])
    yield from table(head, rows)


def _one(starts: Sequence[Start], baked: float | None) -> list[str]:
    if not starts:
        return [""] * 6
    imported = [one.imported for one in starts]
    middle = statistics.median(imported)
    return [
        f"{statistics.median(one.begun for one in starts):.2f}",
        f"{middle:.2f} ({min(imported):.2f} to {max(imported):.2f})",
        f"{middle / baked:.2f}" if baked else "",
        f"{statistics.median(one.ended for one in starts):.2f}",
        f"{statistics.median(one.cpu for one in starts):.1f}",
        f"{statistics.median(one.disk for one in starts) / 1e6:.0f}",
    ]


def _many(burst: Burst | None, baked: Burst | None) -> list[str]:
    if burst is None:
        return [""] * 4
    ratio = f"{burst.wall / baked.wall:.2f}" if baked else ""
    return [f"{burst.wall:.1f}", ratio, f"{burst.cpu:.1f}", f"{burst.disk / 1e6:.0f}"]


def limits(starts: Mapping[str, Sequence[Start]], pulls: Sequence[Pull]) -> Iterator[str]:
    """What nothing of ours can make shorter, and what the first pod on a node waits for."""
    baked = starts.get(BAKED, ())
    began, imported = _median(baked, lambda one: one.begun), _median(baked, lambda one: one.imported)
    if began is not None and imported is not None:
        yield (
            f"The limit is the baked image: {began:.2f} s for the container, {imported - began:.2f} s for the import "
            "itself. What is attached can't be faster than that."
        )
    first = _median(starts.get(FIRST, ()), lambda one: one.imported)
    if first is not None and pulls:
        seconds = statistics.median(one.seconds for one in pulls)
        size = statistics.median(one.size for one in pulls)
        yield f"Of the {first:.2f} s of the first pod on a node, {seconds:.2f} s are the pull of {size / 1e6:.0f} MB."


def _median(starts: Sequence[Start], of: Callable[[Start], float]) -> float | None:
    return statistics.median(map(of, starts)) if starts else None
