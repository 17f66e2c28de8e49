"""The table of the section `start`, and its sentences."""

from __future__ import annotations

from tests.bench.start.report import Burst, Start, figures, limits
from tests.bench.start.ways import BAKED, FIRST, INIT, Pull


def start(imported: float, *, begun: float = 0.5) -> Start:
    return Start(begun, imported, imported + 0.25, 2.0, 3_000_000)


STARTS = {
    BAKED: [start(2.0), start(9.0), start(1.0)],
    FIRST: [start(4.0)],
    INIT: [start(3.0), start(5.0)],
}
BURSTS = {BAKED: Burst(20.0, 38.5, 0), FIRST: Burst(25.0, 40.0, 245_000_000)}


def rows(lines: list[str]) -> dict[str, list[str]]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells}


def test_medians_are_compared_with_the_baked_image_s() -> None:
    found = rows(list(figures(STARTS, BURSTS, 20)))
    assert found["one pod"][6] == "20 at once: s"
    assert found[BAKED] == ["0.50", "2.00 (1.00 to 9.00)", "1.00", "2.25", "2.0", "3", "20.0", "1.00", "38.5", "0"]
    assert found[FIRST] == ["0.50", "4.00 (4.00 to 4.00)", "2.00", "4.25", "2.0", "3", "25.0", "1.25", "40.0", "245"]
    assert found[INIT][1:3] == ["4.00 (3.00 to 5.00)", "2.00"]
    assert found[INIT][6:] == ["", "", "", ""]


def test_what_was_not_measured_is_empty() -> None:
    found = rows(list(figures({INIT: [start(3.0)]}, {FIRST: Burst(25.0, 40.0, 5)}, 20)))
    assert found[INIT][2] == ""
    assert found[FIRST] == [""] * 6 + ["25.0", "", "40.0", "0"]
    assert list(limits({INIT: [start(3.0)]}, [])) == []


def test_the_limit_and_the_pull_are_said() -> None:
    limit, pull = limits(STARTS, [Pull(1.5, 76_000_000), Pull(2.5, 76_000_000), Pull(2.0, 76_000_000)])
    assert limit.startswith("The limit is the baked image: 0.50 s for the container, 1.50 s for the import itself.")
    assert pull == "Of the 4.00 s of the first pod on a node, 2.00 s are the pull of 76 MB."
