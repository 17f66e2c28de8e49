"""Rounds in which contenders take turns, and what came of them. No figure ever decides anything."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.cases import Case
from tests.bench.leftovers import Folders


class CannotRunError(Exception):
    """A contender can't do a case on this machine; the message says why."""


@dataclass(frozen=True)
class Contender:
    """A way to get from requirements to an archive."""

    name: str
    run: Callable[[Case, Path], int]
    """Does a case in an empty folder and returns the size of what was made, in bytes."""
    how: str
    """The commands, for the report."""
    before: Callable[[], None] = lambda: None
    """Prepares each run; its time does not count."""
    after: Callable[[], None] = lambda: None
    """Cleans up after each run; its time does not count."""
    most_rounds: int | None = None
    """For those that take long."""
    warmed_by: str | None = None
    """Another contender, that takes its turn before and fills the same cache."""

    def has_turn(self, number: int) -> bool:
        """Whether it runs in that round; 0 is the warm-up."""
        if number == 0:
            return self.warmed_by is None
        return self.most_rounds is None or number <= self.most_rounds


@dataclass
class Result:
    """A contender's figures for a case. `failure` says why there are none."""

    contender: str
    seconds: list[float] = field(default_factory=list)
    size: int = 0
    failure: str = ""

    @property
    def median(self) -> float:
        """Median of the seconds."""
        return statistics.median(self.seconds)


def compete(
    case: Case, contenders: Sequence[Contender], rounds: int, folders: Folders, say: Callable[[str], None]
) -> dict[str, Result]:
    """Warm the contenders up once, then let them take turns for so many rounds; results by contender's name."""
    results = {one.name: Result(one.name) for one in contenders}
    for number in range(rounds + 1):
        for contender in contenders:
            result = results[contender.name]
            if result.failure or not contender.has_turn(number):
                continue
            which = f"round {number} of {rounds}" if number else "warm-up"
            try:
                seconds = _once(case, contender, result, folders)
            except (CannotRunError, subprocess.TimeoutExpired) as error:
                result.failure = str(error)
                say(f"{case.name}: {contender.name}: {which}: {error}")
                continue
            say(f"{case.name}: {contender.name}: {which}: {seconds:.2f} s")
            if number:
                result.seconds.append(seconds)
    return results


def _once(case: Case, contender: Contender, result: Result, folders: Folders) -> float:
    folder = folders.new()
    try:
        contender.before()
        started = time.perf_counter()
        result.size = contender.run(case, folder)
        return time.perf_counter() - started
    finally:
        folders.leave(folder)
        contender.after()
