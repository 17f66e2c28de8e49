"""The benchmark's own rules: turns, warm-up, what counts, and that a contender that can't run is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.bench.cases import PURE, Case
from tests.bench.cluster import Timeline
from tests.bench.contenders import BY_HAND, DAGY_BUILD
from tests.bench.report import competition, phases
from tests.bench.timing import CannotRunError, Contender, Result, compete

CASE = Case("tiny", ("idna",))


def test_contenders_take_turns_in_empty_folders_after_a_warm_up() -> None:
    turns: list[str] = []
    folders: set[Path] = set()

    def contender(name: str) -> Contender:
        def run(_case: Case, folder: Path) -> int:
            assert not list(folder.iterdir())
            (folder / "made").touch()
            folders.add(folder)
            turns.append(name)
            return 7

        return Contender(name, run, "true", lambda: turns.append(f"after {name}"))

    results = compete(CASE, [contender("a"), contender("b")], 2, lambda _: None)
    assert turns == ["a", "after a", "b", "after b"] * 3
    assert {name: (len(one.seconds), one.size) for name, one in results.items()} == {"a": (2, 7), "b": (2, 7)}
    assert not [one for one in folders if one.exists()]


def test_some_take_fewer_turns_and_need_no_warm_up() -> None:
    turns: list[str] = []

    def contender(name: str, **limits: Any) -> Contender:
        return Contender(name, lambda _case, _folder: len(turns.append(name) or "x"), "true", **limits)

    results = compete(CASE, [contender("a"), contender("b", most_rounds=1, warmed_by="a")], 3, lambda _: None)
    assert turns == ["a", "a", "b", "a", "a"]
    assert {name: len(one.seconds) for name, one in results.items()} == {"a": 3, "b": 1}


def test_who_cannot_run_is_tried_once_and_told() -> None:
    tries: list[int] = []

    def run(_case: Case, _folder: Path) -> int:
        tries.append(1)
        raise CannotRunError("no such tool")

    results = compete(CASE, [Contender("x", run, "x")], 3, lambda _: None)
    assert len(tries) == 1
    assert list(competition(results))[-1] == "x has no figure: no such tool"


def test_ratios_are_those_of_the_medians() -> None:
    results = {
        BY_HAND: Result(BY_HAND, [8.0, 10.0, 90.0], 100),
        DAGY_BUILD: Result(DAGY_BUILD, [1.0, 2.0, 3.0], 110),
    }
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in competition(results)][2:]
    assert rows[0] == [BY_HAND, "8.00", "10.00", "90.00", "1.00", "5.00", "0.0", "1.00"]
    assert rows[1] == [DAGY_BUILD, "1.00", "2.00", "3.00", "0.20", "1.00", "0.0", "1.10"]


def test_the_limit_is_the_longest_phase_of_the_median_round() -> None:
    rounds = [
        Timeline({"PENDING": 0.0, "VALIDATING": 1.0, "COMPLETED": end}, {"resolve": 0.5}) for end in (9.0, 3.0, 4.0)
    ]
    lines = list(phases(rounds))
    assert "| VALIDATING | 3.0 | resolve | 0.5 |" in lines
    assert lines[-1].startswith("The limit is VALIDATING: 3.0 of 4.0 s. 3.5 s are nobody's work")


def test_sixty_are_sixty() -> None:
    assert len(set(PURE.requirements)) == 60
