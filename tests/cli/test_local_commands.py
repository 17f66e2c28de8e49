"""`dagy validate` and `dagy build`: the builder's own steps, the operator's own words."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from dagy.cli import app
from dagy.commands.local_plan import plan_of_file
from dagy.commands.step_display import StepDisplay
from dagy.core.diagnose import failure_of
from dagy.core.states import Observed, state_of
from dagy.core.summary import summarize
from dagy_builder import pipeline
from dagy_builder.contract import Reason, Step, StepOutcome
from dagy_builder.failure import StepError
from dagy_builder.resolve import lock_of_result
from dagy_builder.uv import find_uv
from tests.builder.index import Index, Release, serve

ROOT = Path(__file__).parents[2]
RELEASES = (
    Release("alpha", "1.0", ["beta<2"], entry_points="[console_scripts]\nalpha = alpha:VERSION.strip\n"),
    Release("beta", "1.0"),
    Release("beta", "2.0"),
    Release("gamma", "3.0", ["beta>=2"]),
    Release("sdistonly", "1.0", sdist=True),
)


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    with serve(*RELEASES) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and a uv cache of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    return tmp_path


def manifest(index: Index, *dependencies: str, **spec: Any) -> Path:
    path = Path("package.yaml")
    spec = {"pythonVersion": "3.12", "dependencies": list(dependencies), "index": {"url": index.url}, **spec}
    document = {"apiVersion": "dagy.io/v1", "kind": "DepPackage", "metadata": {"name": "x"}, "spec": spec}
    path.write_text(yaml.safe_dump(document))
    return path


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        app([str(one) for one in arguments])
    return int(ended.value.code or 0)


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(capsys.readouterr().out)
    return values


def test_the_lock_is_the_builders(folder: Path, index: Index, capsys: pytest.CaptureFixture[str]) -> None:
    path = manifest(index, "Alpha", "alpha>=1", 'pywin32; sys_platform == "win32"')
    assert run("validate", path, "--json", "-o", "pylock.toml") == 0
    said = answer(capsys)
    outcome = pipeline.resolve(plan_of_file(path, None).request(), lambda _: None)
    assert outcome.result
    assert said["lock"] == lock_of_result(outcome.result) == Path("pylock.toml").read_text()
    assert said["lockHash"] == outcome.result["lockHash"] == hashlib.sha256(said["lock"].encode()).hexdigest()
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
    assert err.splitlines()[0] == "resolve: started"
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
    assert said["artifact"]["sizeBytes"] == len(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert said["artifact"]["fileCount"] == len(archive.namelist())
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


def test_the_users_own_uv_cache_is_used(folder: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    assert run("build", manifest(index, "beta"), "-o", "out.zip") == 0
    assert list((folder / "cache" / "uv").rglob("beta*"))
    assert "UV_CACHE_DIR" not in os.environ


@pytest.mark.parametrize(
    "dependencies",
    [["alpha", "gamma"], ["beta==9"], ["nowhere", "beta==9"], ["sdistonly"]],
    ids=["exclusive", "no such version", "two problems", "no wheel"],
)
def test_the_sentence_is_that_of_status(
    folder: Path, index: Index, capsys: pytest.CaptureFixture[str], dependencies: list[str]
) -> None:
    """The builder's container tells the operator; what the operator makes of it is what is printed here."""
    path = manifest(index, *dependencies)
    told = _as_the_container(path, folder)
    assert run("validate", path, "--json") == 1
    said = answer(capsys)
    assert (said["phase"], said["reason"], said["message"]) == ("INVALID", told.reason, failure_of(told).message)
    assert [one["message"] for one in said["errors"]] == [one["message"] for one in told.problems or []]
    assert "lock" not in said
    assert run("build", path, "-o", "out.zip") == 1
    err = capsys.readouterr().err
    assert f"INVALID ({told.reason}): {said['message']}\n" in err
    assert "resolve: failed after" in err
    assert "uv said:\n" in err
    assert all(line.strip() in err for line in said["raw"].splitlines())
    assert not Path("out.zip").exists()


def _as_the_container(path: Path, folder: Path) -> StepOutcome:
    given, report = folder / "input", folder / "termination-log"
    given.mkdir()
    (given / "request.json").write_text(json.dumps(plan_of_file(path, None).request().to_json()))
    done = subprocess.run(
        [sys.executable, "-m", "dagy_builder", "resolve", "--input", given, "--work", folder / "work"],
        env={**os.environ, "DAGY_TERMINATION_LOG": str(report)},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 65, done.stderr
    return StepOutcome.from_json(json.loads(report.read_text()))


def test_a_malformed_manifest_in_the_operators_words(
    folder: Path, index: Index, capsys: pytest.CaptureFixture[str]
) -> None:
    path = manifest(index, "beta", "alpha=>1", "-r other.txt")
    plan = plan_of_file(path, None)
    state = state_of(plan, Observed("A1B2C3D4"), datetime.now(UTC))
    index.requests.clear()
    assert run("validate", path, "--json") == 1
    said = answer(capsys)
    assert said["message"] == summarize(plan, state, previous=None).message
    assert said["reason"] == "MalformedRequirement"
    assert len(said["errors"]) == 2
    assert not index.requests
    assert run("validate", path) == 1
    assert said["errors"][1]["message"] in capsys.readouterr().err


def test_wrong_lines_of_a_requirements_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("r.txt").write_text("numpy\npandas=2\n")
    assert run("validate", "r.txt", "--python", "3.12") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith('r.txt:2: error: "=" is not a version operator.')
    assert run("build", "r.txt", "--python", "3.12", "-o", "x.zip", "--json") == 1
    (error,) = answer(capsys)["errors"]
    assert error["message"] == 'r.txt:2: "=" is not a version operator.'


def test_an_index_that_is_away_is_nobodys_invalid_package(
    folder: Path, index: Index, capsys: pytest.CaptureFixture[str]
) -> None:
    away = replace(index, url="http://127.0.0.1:9/simple/")
    assert run("validate", manifest(away, "beta"), "--json") == 1
    said = answer(capsys)
    assert (said["phase"], said["reason"]) == ("FAILED", "IndexUnreachable")


def test_uv_is_missing(
    folder: Path, index: Index, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(StepError) as builders:
        find_uv()
    assert run("build", manifest(index, "beta"), "-o", "out.zip") == 1
    assert f"FAILED (UvMissing): {builders.value.message}\n" in capsys.readouterr().err


def test_the_targets_python_is_missing(
    folder: Path, index: Index, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only source distributions need it; uv looks for it, and finds none in an empty PATH."""
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("DAGY_PYTHON_ROOT", str(folder))
    path = manifest(index, "sdistonly", sourceDistributions="Allow", pythonVersion="3.13")
    assert run("build", path, "-o", "out.zip", "--json") == 1
    said = answer(capsys)
    assert (said["phase"], said["reason"]) == ("FAILED", "PythonMissing")
    assert "CPython 3.13 is not on this machine" in said["message"]


@pytest.mark.parametrize("library", ["deflate", "tomli_w"])
def test_the_builders_libraries_are_missing(folder: Path, index: Index, library: str) -> None:
    code = f"import sys; sys.modules[{library!r}] = None; from dagy.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "validate", str(manifest(index, "beta"))],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"To validate and build on this machine dagy needs {library}, which is not installed. "
        "Run pip install 'dagy[local]', which brings it and the right uv.\n"
    )


def test_the_extra_has_the_builders_releases() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extra = set(project["project"]["optional-dependencies"]["local"])
    assert extra <= set(project["dependency-groups"]["builder"])


@pytest.mark.parametrize(
    ("name", "text", "arguments", "message"),
    [
        ("r.txt", "numpy\n", [], "r.txt: a requirements file doesn't say for which Python. Add --python 3.12."),
        ("r.txt", "# no\n", ["--python=3.12"], "r.txt: There is no requirement in the list"),
        ("p.yaml", "kind: Pod", [], "p.yaml: The manifest is not a DepPackage."),
        ("p.yaml", "kind: DepPackage\nspec: {dependencies: [a]}", [], "p.yaml: spec.pythonVersion: Field required"),
        ("p.yaml", "kind: DepPackage\nspec: {pythonVersion: 3.1, dependencies: [a]}", [], "spec.pythonVersion: "),
        ("p.yaml", "kind: DepPackage\nspec: {pythonVersion: '3.12', dependencies: []}", [], "dependencies is empty"),
        (
            "p.yaml",
            f"kind: DepPackage\nspec: {{pythonVersion: '3.12', dependencies: {[f'a{n}' for n in range(201)]}}}",
            [],
            "spec.dependencies has 201 entries. A package holds at most 200",
        ),
        ("p.yaml", "kind: DepPackage\n", [], "p.yaml: The manifest's spec.dependencies is not a list"),
    ],
)
@pytest.mark.parametrize("command", [["validate"], ["build", "-o", "out.zip"]], ids=["validate", "build"])
def test_unusable_input(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    name: str,
    text: str,
    arguments: list[str],
    message: str,
) -> None:
    Path(name).write_text(text)
    assert run(*command, name, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("no/such/x.zip", "no/such/x.zip: its folder doesn't exist. Create no/such first."),
        (".", ".: is a folder. Give the name of a file, such as packages.zip."),
    ],
)
def test_an_output_that_cannot_be_written(
    folder: Path, index: Index, capsys: pytest.CaptureFixture[str], output: str, message: str
) -> None:
    index.requests.clear()
    assert run("build", manifest(index, "beta"), "-o", output) == 2
    assert capsys.readouterr().err == message + "\n"
    assert not index.requests, "said before any work is done"


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
