"""Pods of the section `start` with a kubectl that plays the cluster, and what a node's figures are read from."""

from __future__ import annotations

import threading
from itertools import count
from pathlib import Path

import pytest
from typing_extensions import override

from tests.bench.start import section
from tests.bench.start.node import BenchNode, cpu_seconds
from tests.bench.start.pods import Phases, Pods
from tests.bench.start.section import AT_ONCE, Section
from tests.bench.start.ways import BAKED, FIRST, IMAGE, INIT, ways
from tests.bench.timing import CannotRunError
from tests.cluster.layout import Layout
from tests.e2e.kube import Kube

KUBECTL = """#!/bin/bash
# What a cluster would answer. A pod imports at once; it ends when it is told to, or by itself when it was created with others.
shift 4
echo "$@" >> "$0.calls"
mkdir -p "$0.pods" "$0.over"
case "$1 $2" in
  "create -f")
    names=$(grep -o '"name": "pod-[0-9a-f]*"' | cut -d '"' -f 4)
    for name in $names; do touch "$0.pods/$name"; [[ $names == "$name" ]] || touch "$0.over/$name"; done ;;
  "logs --follow") printf 'bench begun 1000.5\\nbench imported 1002.0\\n'; exec sleep 100 ;;
  "logs pod-"*) printf 'bench begun 1000.5\\nbench imported 1002.0\\nbench ended 1003.0\\n' ;;
  "exec pod-"*) touch "$0.over/$2" ;;
  "get events") echo '{"items": []}' ;;
  "get pods")
    while sleep 0.02; do
      for name in $(ls "$0.pods"); do echo "$name Running"; done
      for name in $(ls "$0.over"); do echo "$name ${PHASE:-Succeeded}"; done
    done ;;
esac
"""


class QuietNode(BenchNode):
    """A node that does nothing."""

    def __init__(self) -> None:
        self.removed: list[str] = []

    @override
    def cpu(self) -> float:
        return 7.0

    @override
    def disk(self) -> int:
        return 5

    @override
    def remove_image(self, digest: str) -> None:
        self.removed.append(digest)


@pytest.fixture
def kube(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kube:
    """kubectl without a cluster; the clock hardly moves, so that figures can be told."""
    program = tmp_path / "kubectl"
    program.write_text(KUBECTL)
    program.chmod(0o755)
    clock = count()
    monkeypatch.setattr("time.time", lambda: 1000.0 + next(clock) * 1e-6)
    return Kube(str(program), "nowhere", "bench")


def calls(kube: Kube, verb: str) -> list[str]:
    return [line for line in Path(f"{kube.kubectl}.calls").read_text().splitlines() if line.startswith(verb)]


def test_a_pod_waits_until_it_is_told_to_end(kube: Kube) -> None:
    pods = Pods(kube, QuietNode(), trust=False, rest=0.0)
    waiting = pods.start(ways("A1B2C3D4")[0])
    assert (waiting.figures.begun, waiting.figures.imported) == pytest.approx((0.5, 2.0), abs=0.01)
    assert not calls(kube, "exec")
    # Seen at 1000 by the clock that hardly moves, and its code ended at 1003 by its own.
    assert pods.end(waiting).ended == pytest.approx(2.0 + 1000.0 - 1003.0, abs=0.01)
    assert [call.split()[1] for call in calls(kube, "exec")] == [waiting.name]


def test_many_end_by_themselves(kube: Kube) -> None:
    burst = Pods(kube, QuietNode(), trust=False, rest=0.0).burst(ways("A1B2C3D4")[0], 20)
    assert (burst.wall, burst.cpu, burst.disk) == pytest.approx((0.0, 0.0, 0), abs=0.01)
    assert not calls(kube, "exec")


def test_one_that_fails_is_told_with_its_last_words(kube: Kube, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHASE", "Failed")
    with pytest.raises(CannotRunError, match=r"pod pod-[0-9a-f]{8} has failed"):
        Pods(kube, QuietNode(), trust=False, rest=0.0).burst(ways("A1B2C3D4")[0], 3)


def test_a_watch_that_hears_nothing_ends_too() -> None:
    phases = Phases()
    phases.told("a", "Running", 1.0)
    phases.told("b", "Succeeded", 2.0)
    phases.told("stranger", "Failed", 2.0)
    assert phases.ends(["b"], 0.0) == [2.0]
    with pytest.raises(CannotRunError, match="1 of 2 pods have not ended after 0 s"):
        phases.ends(["a", "b"], 0.0)
    with pytest.raises(CannotRunError, match="has not seen pod c"):
        phases.seen("c", 0.0)


def test_the_section_takes_the_image_away_before_each_first_pod(
    kube: Kube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(section, "has_room", lambda _: True)
    node = QuietNode()
    whole = Section(
        Pods(kube, node, trust=False, rest=0.0), node, Layout(tmp_path), "registry/a@sha256:00", lambda _: None
    )
    listed = [way for way in ways("A1B2C3D4") if way.name in {BAKED, FIRST, INIT}]
    whole.one_by_one(listed, rounds=2)
    assert node.removed == ["sha256:00"] * 3, "warm-up and two rounds"
    whole.at_once(listed)
    assert node.removed == ["sha256:00"] * 4
    # Those without files of their own end and go at once, the others when the rounds are over.
    ended = [call.split()[1] for call in calls(kube, "exec")]
    gone = [name.removeprefix("pod/") for call in calls(kube, "delete pod/") for name in [call.split()[1]]]
    assert (len(ended), gone) == (9, ended[:6])
    whole.clear()
    assert node.removed[4:] == ["sha256:00", IMAGE]
    lines = whole.lines()
    assert [line.split("|")[1].strip() for line in lines[2:5]] == [BAKED, FIRST, INIT]
    assert "no figure" not in "".join(lines)


def test_without_an_image_only_its_ways_have_no_figure(
    kube: Kube, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(section, "has_room", lambda _: True)
    node = QuietNode()
    whole = Section(Pods(kube, node, trust=False, rest=0.0), node, Layout(tmp_path), "", lambda _: None)
    listed = [way for way in ways("A1B2C3D4") if way.name in {BAKED, FIRST}]
    whole.one_by_one(listed, rounds=1)
    whole.at_once(listed)
    lines = whole.lines()
    assert any(line.startswith(f"{FIRST} has no figure: the package has no image") for line in lines)
    assert sum("no figure" in line for line in lines) == 1
    assert f"{AT_ONCE} at once: s" in lines[0]
    assert not node.removed


def test_cpu_is_read_from_either_kind_of_control_group(tmp_path: Path) -> None:
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1/cpuacct.usage").write_text("2500000000\n")
    (tmp_path / "v2").mkdir()
    (tmp_path / "v2/cpu.stat").write_text("usage_usec 1500000\nuser_usec 1\n")
    assert cpu_seconds([tmp_path / "none", tmp_path / "v1"]) == 2.5
    assert cpu_seconds([tmp_path / "v2"]) == 1.5
    with pytest.raises(CannotRunError, match="none of the node's control groups"):
        cpu_seconds([tmp_path / "none"])


def test_the_disk_is_looked_at_while_pods_run(monkeypatch: pytest.MonkeyPatch) -> None:
    readings, node, over = iter([100, 350, 900, 200]), QuietNode(), threading.Event()

    def disk() -> int:
        now = next(readings, None)
        if now is None:
            over.set()
        return now or 200

    monkeypatch.setattr("tests.bench.start.node._SAMPLE_SECONDS", 0.001)
    monkeypatch.setattr(node, "disk", disk)
    with node.most_disk() as most:
        assert over.wait(60)
    assert most() == 800
