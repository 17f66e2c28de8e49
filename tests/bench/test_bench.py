"""The benchmark's own rules: turns, warm-up, what counts, and that a contender that can't run is told."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.bench import attach, leftovers, machine
from tests.bench.__main__ import shown
from tests.bench.cases import PURE, Case
from tests.bench.cluster import Timeline
from tests.bench.contenders import BY_HAND, DAGY_BUILD
from tests.bench.leftovers import Folders
from tests.bench.report import competition, phases
from tests.bench.timing import CannotRunError, Contender, Result, compete
from tests.e2e.kube import Kube

CASE = Case("tiny", ("idna",))


def quiet(_line: str) -> None:
    """Progress that nobody reads."""


def test_contenders_take_turns_in_empty_folders_after_a_warm_up(tmp_path: Path) -> None:
    turns: list[str] = []
    used: set[Path] = set()

    def contender(name: str) -> Contender:
        def run(_case: Case, folder: Path) -> int:
            assert not list(folder.iterdir())
            (folder / "made").touch()
            used.add(folder)
            turns.append(name)
            return 7

        return Contender(
            name, run, "true", lambda: turns.append(f"before {name}"), lambda: turns.append(f"after {name}")
        )

    results = compete(CASE, [contender("a"), contender("b")], 2, Folders(tmp_path), quiet)
    assert turns == ["before a", "a", "after a", "before b", "b", "after b"] * 3
    assert {name: (len(one.seconds), one.size) for name, one in results.items()} == {"a": (2, 7), "b": (2, 7)}
    assert set(tmp_path.iterdir()) == used
    assert len(used) == 6


def test_folders_go_at_the_end_and_at_once_where_the_disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    free = leftovers.RESERVE + 1
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    with leftovers.folders() as folders:
        kept = folders.new()
        folders.leave(kept)
        free -= 1
        gone = folders.new()
        (gone / "made").touch()
        folders.leave(gone)
        assert kept.exists()
        assert not gone.exists()
    assert not kept.exists()
    assert leftovers.early(folders.deleted_early, "folders").startswith("1 folders were deleted between two runs")
    assert not leftovers.early(0, "folders")


def test_folders_of_runs_are_spread_over_the_disk(tmp_path: Path) -> None:
    """On ext4 the flag is there; on others nothing happens, and nothing fails."""
    leftovers.spread(tmp_path)
    listed = subprocess.run(["lsattr", "-d", str(tmp_path)], capture_output=True, text=True, check=False)
    if not listed.returncode and "ext4" in machine.description():
        assert "T" in listed.stdout.split()[0]


def test_some_take_fewer_turns_and_need_no_warm_up(tmp_path: Path) -> None:
    turns: list[str] = []

    def contender(name: str, **limits: Any) -> Contender:
        def run(_case: Case, _folder: Path) -> int:
            turns.append(name)
            return 1

        return Contender(name, run, "true", **limits)

    results = compete(CASE, [contender("a"), contender("b", most_rounds=1, warmed_by="a")], 3, Folders(tmp_path), quiet)
    assert turns == ["a", "a", "b", "a", "a"]
    assert {name: len(one.seconds) for name, one in results.items()} == {"a": 3, "b": 1}


def test_who_cannot_run_is_tried_once_and_told(tmp_path: Path) -> None:
    tries: list[int] = []

    def run(_case: Case, _folder: Path) -> int:
        tries.append(1)
        raise CannotRunError("no such tool")

    results = compete(CASE, [Contender("x", run, "x")], 3, Folders(tmp_path), quiet)
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


def test_a_section_that_fails_takes_no_other_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    ran: list[str] = []
    skipped: list[str] = []

    def impossible() -> None:
        raise CannotRunError("no cluster")

    def broken() -> None:
        raise KeyError("status")

    assert shown({"a": impossible, "b": broken, "c": lambda: ran.append("c")}, skipped)
    assert ran == ["c"]
    assert skipped == ["a: no cluster", "b: failed with KeyError: 'status'"]
    assert "Traceback" in capsys.readouterr().err
    assert not shown({"a": impossible}, skipped), "what this machine can't do is no failure"


def test_pod_starts_are_compared_with_the_bare_pod_where_there_is_one() -> None:
    seconds = {"bare pod": [1.0, 2.0, 1.5], "attached": [3.5], "cp -r": [5.5, 9.5, 4.5]}
    rows = attach.report(seconds)[2:]
    assert rows[0] == "| bare pod | 1.00 | 1.50 | 2.00 |  |  |"
    assert rows[2] == "| cp -r | 4.50 | 5.50 | 9.50 | 4.00 | 2.00 |"
    del seconds["bare pod"]
    assert attach.report(seconds)[2] == "| attached | 3.50 | 3.50 | 3.50 |  |  |"


KUBECTL = """#!/bin/sh
# What a cluster would answer. `logs --follow` goes on, because the pod waits.
shift 4
echo "$@" >> "$0.calls"
case "$1 $2" in
  "get configmap") echo '{"data": {"DAGY_BUILDER_IMAGE": "builder:1"}}' ;;
  "get configmaps") echo '{"items": []}' ;;
  "create -f") cat >/dev/null ;;
  "logs --follow") echo 1000.5; test ! -e "$0.fails" || { echo no such file; exit 0; }; echo done; exec sleep 100 ;;
  "logs pod-"*) echo "the container's last words" ;;
esac
"""


@pytest.fixture
def kube(tmp_path: Path) -> Kube:
    """kubectl without a cluster: there is no kubelet in this tier."""
    program = tmp_path / "kubectl"
    program.write_text(KUBECTL)
    program.chmod(0o755)
    return Kube(str(program), "nowhere", "bench")


def calls(kube: Kube, verb: str) -> list[str]:
    return [line for line in Path(f"{kube.kubectl}.calls").read_text().splitlines() if line.startswith(verb)]


def test_pods_stay_until_there_are_too_many(kube: Kube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attach, "_MOST_WAITING", 2)
    monkeypatch.setattr("time.time", lambda: 1000.0)
    monkeypatch.setattr(attach, "has_room", lambda _: True)
    pods = attach.Pods(kube, tmp_path)
    way = attach.ways("A1B2C3D4")[2]
    assert [pods.start(way) for _ in range(3)] == [(0.5, "the container's last words\n")] * 3
    started = [call.split()[2] for call in calls(kube, "logs --follow")]
    assert [call.split()[2] for call in calls(kube, "delete")] == started[:1], "the oldest, and no other"
    monkeypatch.setattr(attach, "has_room", lambda _: False)
    pods.start(way)
    assert len(calls(kube, "delete")) == 3, "a full disk keeps none"
    assert pods.deleted_early == 3


def test_a_pod_that_ends_too_early_is_told_with_its_last_words(kube: Kube, tmp_path: Path) -> None:
    Path(f"{kube.kubectl}.fails").touch()
    with pytest.raises(CannotRunError, match=r"is not done .* no such file \(the container's last words\)"):
        attach.Pods(kube, tmp_path).start(attach.ways("A1B2C3D4")[0])
