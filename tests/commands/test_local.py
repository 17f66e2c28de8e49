"""`dagy validate` and `dagy build`: the builder's own lock and ZIP."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dagy.commands.local.plan import plan_of_file
from dagy.commands.step_display import StepDisplay
from dagy_builder.contract import Reason, Step, StepOutcome
from dagy_builder.steps import pipeline
from dagy_builder.steps.resolve import lock_of_result
from tests.fakes.index import Index, serve
from tests.fakes.interpreters import interpreters
from tests.fakes.local_commands import RELEASES, answer, manifest, run


def test_the_lock_is_the_builders(folder: Path, index: Index, capsys: pytest.CaptureFixture[str]) -> None:
    path = manifest(index, "Alpha", "alpha>=1", 'pywin32; sys_platform == "win32"')
    assert run("validate", path, "--json", "-o", "pylock.toml") == 0
    said = answer(capsys)
    outcome = pipeline.resolve(plan_of_file(path, None).plan.request(), lambda _: None)
    assert outcome.result
    assert said["lock"] == lock_of_result(outcome.result) == Path("pylock.toml").read_text()
    assert said["lock_hash"] == outcome.result["lockHash"] == hashlib.sha256(said["lock"].encode()).hexdigest()
    assert said["phase"] == "VALID"
    assert said["packages"] == [{"name": "alpha", "version": "1.0"}, {"name": "beta", "version": "1.0"}]
    assert said["dependencies"] == ["alpha>=1"]
    assert [one["text"] for one in said["dropped"]] == ["Alpha", 'pywin32; sys_platform == "win32"']


def test_a_lock_in_words(folder: Path, index: Index, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("validate", manifest(index, "alpha", "Alpha==1.0")) == 0
    out, err = capsys.readouterr()
    first, second, last = out.splitlines()
    assert (first, second) == ("alpha==1.0", "beta==1.0")
    assert last.startswith("VALID: 2 packages for Python 3.12 on linux/amd64, glibc 2.28; lock sha256 ")
    assert err.splitlines()[1] == "resolve: started"
    assert "skipped: alpha: repeated" in err


def test_python_on_the_command_line_comes_first(folder: Path, index: Index, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("validate", manifest(index, "beta"), "--python", "3.10", "--json") == 0
    assert "cp310" in answer(capsys)["lock"]


def test_a_zip_that_can_be_used(folder: Path, index: Index, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("build", manifest(index, "alpha"), "-o", "out.zip", "--json") == 0
    said = answer(capsys)
    data = Path("out.zip").read_bytes()
    assert said["phase"] == "COMPLETED"
    assert said["artifact"]["sha256"] == hashlib.sha256(data).hexdigest()
    assert said["artifact"]["size_bytes"] == len(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert said["artifact"]["file_count"] == len(archive.namelist())
        assert "alpha.py" in archive.namelist()
    code = "import alpha, beta; print(alpha.VERSION, beta.VERSION)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, 'out.zip'); {code}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "1.0 1.0\n"
    assert set(said["seconds"]) == {"resolve", "install", "package"}
    assert sorted(p.name for p in folder.iterdir()) == ["out.zip", "package.yaml", "uv-cache"], "nothing is left over"


def test_the_same_bytes_elsewhere(
    folder: Path, index: Index, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = manifest(index, "alpha", "beta").absolute()
    assert run("build", path, "-o", "one.zip") == 0
    other = folder / "other place"
    other.mkdir()
    monkeypatch.chdir(other)
    monkeypatch.setenv("TMPDIR", str(other))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    before = os.umask(0o077)
    try:
        assert run("build", path, "-o", "two.zip") == 0
    finally:
        os.umask(before)
    assert (other / "two.zip").read_bytes() == (folder / "one.zip").read_bytes()
    assert "COMPLETED: two.zip: 2 packages" in capsys.readouterr().out


def test_the_users_own_caches_are_used(folder: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV_CACHE_DIR")
    monkeypatch.delenv("DAGY_SHARED_CACHE")
    python = interpreters().get("3.12")
    if python:
        (folder / "pythons/3.12/bin").mkdir(parents=True)
        (folder / "pythons/3.12/bin/python3.12").symlink_to(python)
        monkeypatch.setenv("DAGY_PYTHON_ROOT", str(folder / "pythons"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    assert run("build", manifest(index, "beta"), "-o", "out.zip") == 0
    assert list((folder / "cache" / "uv").rglob("beta*"))
    assert bool(list((folder / "cache/dagy/bytecode").glob("*/*"))) is bool(python)
    assert not {"UV_CACHE_DIR", "DAGY_SHARED_CACHE"} & set(os.environ)


def test_passwords_come_from_netrc_and_the_index_from_the_environment(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same way as in a pod: uv never has the password. What `default` says is for nobody."""
    with serve(*RELEASES) as private:
        private.password = "hunter2-hunter2"
        monkeypatch.setenv("DAGY_INDEX_URL", private.url)
        monkeypatch.setenv("NETRC", str(folder / "netrc"))
        netrc = folder / "netrc"
        netrc.write_text("default login me password hunter2-hunter2\n")
        netrc.chmod(0o600)
        (folder / "requirements.txt").write_text("alpha\n")
        assert run("validate", "requirements.txt", "--python", "3.12", "--json") == 1
        assert answer(capsys)["reason"] == Reason.INDEX_ACCESS_DENIED
        assert set(private.sent.values()) == {""}
        netrc.write_text("machine 127.0.0.1 login me password hunter2-hunter2\n")
        assert run("build", "requirements.txt", "--python", "3.12", "--json", "-o", "out.zip") == 0
        text = capsys.readouterr().out
        assert private.url in json.loads(text)["lock"]
        assert "hunter2" not in text
        netrc.write_text("machine 127.0.0.1 login me password wrong-wrong\n")
        assert run("validate", "requirements.txt", "--python", "3.12", "--json") == 1
        assert f"refuses the credentials of {netrc}" in answer(capsys)["message"]
        netrc.write_text("machine\n")
        assert run("validate", "requirements.txt", "--python", "3.12") == 2
        assert "point NETRC elsewhere" in capsys.readouterr().err
    with zipfile.ZipFile("out.zip") as archive:
        assert "alpha.py" in archive.namelist()


@pytest.mark.parametrize("ok", [True, False])
def test_a_terminal_sees_each_step_with_its_time(ok: bool) -> None:
    screen = io.StringIO()

    def work(say: Any) -> StepOutcome:
        say("install: [brackets] are no markup")
        say("install: 3 packages in 1.0 s")
        return StepOutcome(Step.INSTALL, ok=ok, reason=None if ok else Reason.DISK_FULL)

    with StepDisplay(Console(file=screen, force_terminal=True, width=100, color_system=None)) as display:
        display.run(Step.INSTALL, work)
    last = screen.getvalue().removesuffix("\x1b[?25h").rstrip().splitlines()[-1]  # the cursor is shown again
    assert "install" in last
    assert " s" in last
    assert ("3 packages" if ok else "failed: DiskFull") in last


SKIPPED = """-c constraints.txt
-e ./src
-r base.txt
alpha==1.0 --hash=sha256:deadbeef
beta<2
beta==1.0
pywin32; sys_platform=="win32"
"""


@pytest.mark.parametrize("command", [["validate"], ["build", "-o", "out.zip"]], ids=["validate", "build"])
def test_what_is_skipped_is_told_as_by_check(
    command: list[str], folder: Path, index: Index, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGY_INDEX_URL", index.url)
    Path("list.txt").write_text(SKIPPED)
    assert run("requirements", "check", "list.txt", "--python", "3.12") == 0
    checked = capsys.readouterr().out.splitlines()
    assert len(checked) == 6
    assert run(*command, "list.txt", "--python", "3.12") == 0
    assert capsys.readouterr().err.splitlines()[: len(checked)] == checked
    assert run("requirements", "check", "list.txt", "--python", "3.12", "--json") == 0
    lines = answer(capsys)["lines"]
    assert run(*command, "list.txt", "--python", "3.12", "--json") == 0
    assert answer(capsys)["lines"] == lines


def test_warnings_of_resolver_and_zip_are_told(folder: Path, index: Index, capsys: pytest.CaptureFixture[str]) -> None:
    path = manifest(index, "alpha[nothing]", "asyncio")
    assert run("build", path, "-o", "out.zip") == 0
    said = capsys.readouterr().err.splitlines()
    # A third one where there is no CPython 3.12 to compile bytecode with.
    told = [line for line in said if line.startswith("warning: ") and "has no bytecode" not in line]
    assert len(told) == 2
    assert "alpha" in told[0]
    assert "nothing" in told[0]
    assert told[1].startswith("warning: asyncio is for Pythons that lack asyncio")
    assert run("build", path, "-o", "out.zip", "--json") == 0
    assert [f"warning: {one}" for one in answer(capsys)["warnings"] if "has no bytecode" not in one] == told
