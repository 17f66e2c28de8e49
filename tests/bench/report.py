"""Figures as Markdown tables, so that they can go into docs/benchmarks.md as they are. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tests.bench.cluster import Timeline
from tests.bench.contenders import BY_HAND, DAGY_BUILD
from tests.bench.timing import Result

# Which step's own time is spent in which phase.
_STEP_OF = {"VALIDATING": "resolve", "INSTALLING": "install", "PACKAGING": "package", "UPLOADING": "upload"}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A Markdown table; all columns but the first are numbers."""
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" + "---:|" * (len(head) - 1)
    yield from ("| " + " | ".join(row) + " |" for row in rows)


def competition(results: Mapping[str, Result]) -> Iterator[str]:
    """Seconds, ratios of medians and sizes of one case."""
    hand, ours = results.get(BY_HAND), results.get(DAGY_BUILD)
    head = ["", "min s", "median s", "max s", "time to by hand", "time to dagy build", "MB", "size to zip -r"]
    rows = []
    for one in results.values():
        if one.failure or not one.seconds:
            continue
        rows.append(
            [
                one.contender,
                f"{min(one.seconds):.2f}",
                f"{one.median:.2f}",
                f"{max(one.seconds):.2f}",
                _ratio(one.median, hand.median if hand and hand.seconds else 0),
                _ratio(one.median, ours.median if ours and ours.seconds else 0),
                f"{one.size / 1e6:.1f}",
                _ratio(one.size, hand.size if hand else 0),
            ]
        )
    yield from table(head, rows)
    for one in results.values():
        if one.failure:
            yield ""
            yield f"{one.contender} has no figure: {one.failure}"


def phases(timelines: Sequence[Timeline]) -> Iterator[str]:
    """Where the cluster's time goes, in the round whose total is the median (of two, the slower one)."""
    shown = sorted(timelines, key=lambda one: one.total)[len(timelines) // 2]
    durations = shown.durations()
    rows = []
    for phase, seconds in durations.items():
        step = _STEP_OF.get(phase, "")
        own = shown.steps.get(step)
        rows.append([phase, f"{seconds:.1f}", step, "" if own is None else f"{own:.1f}"])
    yield from table(["phase", "seconds, as a watch sees it", "step", "seconds, by its own account"], rows)
    if durations:
        slowest = max(durations, key=lambda name: durations[name])
        waiting = shown.total - sum(shown.steps.values())
        yield ""
        yield (
            f"The limit is {slowest}: {durations[slowest]:.1f} of {shown.total:.1f} s. "
            f"{waiting:.1f} s are nobody's work: pods that start, watches, hand-over."
        )


def _ratio(value: float, reference: float) -> str:
    return f"{value / reference:.2f}" if reference else ""
