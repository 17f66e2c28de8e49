"""Figures as Markdown tables, so that they can go into docs/benchmarks.md as they are. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tests.bench.cluster import Timeline, medians
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
    """Where the cluster's time goes, medians."""
    in_phase = medians([one.durations() for one in timelines])
    in_step = medians([one.steps for one in timelines])
    rows = []
    for phase, seconds in in_phase.items():
        step = _STEP_OF.get(phase, "")
        own = in_step.get(step)
        told = [step, f"{own:.1f}", f"{seconds - own:.1f}"] if own is not None else ["", "", f"{seconds:.1f}"]
        rows.append([phase, f"{seconds:.1f}", *told])
    yield from table(["phase", "seconds", "step", "the step's own", "rest"], rows)
    if in_phase:
        slowest = max(in_phase, key=lambda name: in_phase[name])
        yield ""
        yield f"The longest phase is {slowest}: {in_phase[slowest]:.1f} of {sum(in_phase.values()):.1f} s."


def _ratio(value: float, reference: float) -> str:
    return f"{value / reference:.2f}" if reference else ""
