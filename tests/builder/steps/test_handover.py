"""Containers of one pod are processes here: they start in any order, end well, fail or are killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from dagy_builder.__main__ import _built_with, _with_seconds
from dagy_builder.contract import Step, StepOutcome
from dagy_builder.packed_lock import LOCK_FILE, pack
from dagy_builder.steps.handover import Handover
from tests.e2e.kube import eventually
from tests.locks import framed_in

# Its server imports this module once; with "spawn" each process would.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


def _run_install(folder: Path, told: Connection, ok: bool) -> None:
    handover = Handover(folder)
    with handover.running(Step.INSTALL):
        told.send("running")
        if told.recv() == "end":
            handover.leave(StepOutcome(Step.INSTALL, ok=ok, seconds=1.5))


def _wait(folder: Path, told: Connection) -> None:
    told.send("waiting")
    outcome = Handover(folder).wait_for(Step.INSTALL)
    told.send(outcome and outcome.to_json())


class _Child:
    def __init__(self, target: object, *arguments: object) -> None:
        self.pipe, theirs = FORKS.Pipe()
        self.process = FORKS.Process(target=target, args=(arguments[0], theirs, *arguments[1:]))  # type: ignore[arg-type]
        self.process.start()
        theirs.close()

    def heard(self) -> object:
        assert self.pipe.poll(30), "nothing came for 30 s"
        return self.pipe.recv()


@pytest.fixture
def children() -> Iterator[list[_Child]]:
    started: list[_Child] = []
    yield started
    for child in started:
        child.process.kill()
        child.process.join()
        child.pipe.close()


@pytest.mark.parametrize("waiter_first", [True, False])
@pytest.mark.parametrize("ok", [True, False])
def test_the_outcome_is_handed_over(tmp_path: Path, children: list[_Child], waiter_first: bool, ok: bool) -> None:
    folder = tmp_path / "work"
    for kind in ("wait", "run") if waiter_first else ("run", "wait"):
        child = _Child(_wait, folder) if kind == "wait" else _Child(_run_install, folder, ok)
        children.append(child)
        assert child.heard() in ("waiting", "running")
    waiter, runner = children if waiter_first else reversed(children)
    assert not waiter.pipe.poll(0.2), "it must wait"
    runner.pipe.send("end")
    assert waiter.heard() == {"step": "install", "ok": ok, "seconds": 1.5}


@pytest.mark.parametrize("waiter_first", [True, False])
def test_a_killed_step_is_noticed(tmp_path: Path, children: list[_Child], waiter_first: bool) -> None:
    folder = tmp_path / "work"
    if waiter_first:
        children.append(_Child(_wait, folder))
        assert children[0].heard() == "waiting"
    runner = _Child(_run_install, folder, True)
    children.append(runner)
    assert runner.heard() == "running"
    os.kill(runner.process.pid or 0, signal.SIGKILL)
    runner.process.join()
    waiter = children[0] if waiter_first else _Child(_wait, folder)
    if not waiter_first:
        children.append(waiter)
        assert waiter.heard() == "waiting"
    assert waiter.heard() is None


def test_an_outcome_from_before_is_enough(tmp_path: Path) -> None:
    handover = Handover(tmp_path)
    with handover.running(Step.PACKAGE):
        handover.leave(StepOutcome(Step.PACKAGE, ok=True))
    assert handover.wait_for(Step.PACKAGE) == StepOutcome(Step.PACKAGE, ok=True)


def _fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.unlink(missing_ok=True)
    (path.parent.parent / "elsewhere").write_text(StepOutcome(Step.INSTALL, ok=True).to_text())
    path.symlink_to("../elsewhere")


SPOILT: dict[str, Callable[[Path], object]] = {
    "no outcome": lambda path: path.write_text('["no outcome"]'),
    "another step's": lambda path: path.write_text(StepOutcome(Step.PACKAGE, ok=True).to_text()),
    "no text": lambda path: path.write_bytes(b"\xff\x00"),
    "nested too deep": lambda path: path.write_text("[" * 100_000),
    "without end": lambda path: os.truncate(path, 1 << 40),
    "a link": _link,
    "a FIFO": _fifo,
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "absent": lambda path: path.unlink(),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_spoilt_outcome_is_none(tmp_path: Path, kind: str) -> None:
    handover = Handover(tmp_path)
    with handover.running(Step.INSTALL):
        handover.leave(StepOutcome(Step.INSTALL, ok=True))
        SPOILT[kind](tmp_path / "install/outcome.json")
    assert handover.wait_for(Step.INSTALL) is None


@pytest.mark.parametrize("kind", ["a link", "a FIFO", "a folder"])
def test_a_lock_that_is_no_file_holds_nobody_up(tmp_path: Path, kind: str) -> None:
    handover = Handover(tmp_path)
    with handover.running(Step.INSTALL):
        SPOILT[kind](tmp_path / "install/running")
        assert handover.wait_for(Step.INSTALL) is None


@pytest.mark.parametrize(
    ("told", "kept"), [("12.5", 12.5), ("NaN", None), ("1e999", None), ("-1", None), ('"soon"', None), ("[]", None)]
)
def test_the_time_that_install_tells_is_a_time(told: str, kept: float | None) -> None:
    installed = StepOutcome.from_json(json.loads(f'{{"step": "install", "ok": true, "seconds": {told}}}'))
    packaged = _with_seconds(StepOutcome(Step.PACKAGE, ok=True, seconds=2.0, result={"sha256": "1"}), installed)
    assert (packaged.result or {}).get("installSeconds") == kept
    assert _built_with("uv 1.2", packaged)["seconds"] == {"package": 2.0} | ({"install": kept} if kept else {})


def _step(step: str, folder: Path, **environment: str) -> subprocess.Popen[str]:
    log = {"DAGY_TERMINATION_LOG": str(folder / f"{step}.log"), "PATH": "/usr/bin:/bin", **environment}
    command = [
        sys.executable,
        "-m",
        "dagy_builder",
        step,
        "--input",
        str(folder / "input"),
        "--work",
        str(folder / "work"),
    ]
    return subprocess.Popen(command, env=log, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/")


@pytest.mark.parametrize(
    "order", [("install", "package", "upload"), ("upload", "package", "install"), ("package", "install", "upload")]
)
def test_a_failed_install_ends_all_three(tmp_path: Path, order: tuple[str, ...]) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "input/request.json").write_text('{"pythonVersion": "3.12"}')
    (tmp_path / "input" / LOCK_FILE).write_bytes(pack("broken ["))
    processes = {step: _step(step, tmp_path) for step in order}
    texts = {step: process.communicate(timeout=60)[0] for step, process in processes.items()}
    codes = {step: process.returncode for step, process in processes.items()}
    assert codes == {"install": 65, "package": 75, "upload": 75}, texts
    reports = {step: json.loads((tmp_path / f"{step}.log").read_text()) for step in order}
    assert reports["install"]["reason"] == "InstallFailed"
    assert reports["package"]["reason"] == reports["upload"]["reason"] == "PreviousStepEnded"
    assert "install failed (InstallFailed)" in reports["package"]["message"]


def test_sigterm_ends_a_waiting_step_at_once(tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "input/request.json").write_text('{"pythonVersion": "3.12"}')
    (tmp_path / "input" / LOCK_FILE).write_bytes(pack(""))
    process = _step("package", tmp_path)
    running = tmp_path / "work/package/running"
    with process:
        eventually(running.exists, "the step has started")
        process.send_signal(signal.SIGTERM)
        text, _ = process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGTERM, text


@pytest.mark.parametrize("request_text", [None, "no json", "[]", '{"requirements": []}'])
def test_a_request_that_can_not_be_read(tmp_path: Path, request_text: str | None) -> None:
    (tmp_path / "input").mkdir()
    if request_text is not None:
        (tmp_path / "input/request.json").write_text(request_text)
    process = _step("resolve", tmp_path)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 75, text
    assert json.loads(framed_in(text, "-"))["reason"] == "InternalError"
