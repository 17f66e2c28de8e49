"""`dagy validate` and `dagy build` that fail: the operator's own words, before any work where that is possible."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dagy.commands.local.plan import Given, plan_of_file
from dagy.commands.local.report import Report
from dagy.commands.local.steps import LocalResult
from dagy.core.outcomes.diagnosis import failure_of
from dagy.core.package.observed import Observed
from dagy.core.package.states import state_of
from dagy.core.package.summary import summarize
from dagy_builder.contract import StepOutcome
from dagy_builder.failure import StepError
from dagy_builder.uv.runner import find_uv
from tests.fakes.facts import plan
from tests.fakes.index import Index
from tests.fakes.local_commands import answer, manifest, run

ROOT = Path(__file__).parents[2]


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
    problems = [one["message"] for one in told.problems or []]
    if len(problems) == 1:
        assert f"INVALID ({told.reason}): {said['message']}\n" in err
    else:
        lines = [f"  {number}. {message}" for number, message in enumerate(problems, 1)]
        assert "\n".join([f"INVALID ({told.reason}): {len(problems)} problems:", *lines]) in err
    assert "resolve: failed after" in err
    assert "uv said:\n" in err
    assert all(line.strip() in err for line in said["raw"].splitlines())
    assert not Path("out.zip").exists()


def _as_the_container(path: Path, folder: Path) -> StepOutcome:
    given, report = folder / "input", folder / "termination-log"
    given.mkdir()
    (given / "request.json").write_text(json.dumps(plan_of_file(path, None).plan.request().to_json()))
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
    given = plan_of_file(path, None).plan
    state = state_of(given, Observed("A1B2C3D4"), datetime.now(UTC))
    index.requests.clear()
    assert run("validate", path, "--json") == 1
    said = answer(capsys)
    assert said["message"] == summarize(given, state, previous=None).message
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
    assert "again" not in said["message"], "nothing is tried again here"
    assert run("validate", manifest(away, "beta")) == 1
    err = capsys.readouterr().err
    assert said["message"] in err
    assert "\n  Nothing is tried again by itself here: run the command again.\n" in err


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


@pytest.mark.parametrize(
    ("reason", "phase"), [("IndexNotTrusted", "FAILED"), ("IndexAccessDenied", "FAILED"), ("NoWheel", "INVALID")]
)
def test_the_phase_is_that_of_the_operator(reason: str, phase: str) -> None:
    outcome = StepOutcome("resolve", ok=False, reason=reason, message="It is so.", fault="User")
    report = Report(Given(plan()), LocalResult((outcome,)))
    assert report.phase == phase
