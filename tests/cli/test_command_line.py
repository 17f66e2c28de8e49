"""The command line itself: usage, kubectl, what is imported, what must be installed."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from dagy.cli import main
from tests.cluster.layout import current_layout

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], 'Unknown command "nonsense". '),
        (["packges"], 'Unknown command "packges". Did you mean "packages"? '),
        (["packages", "nonsense"], 'Unknown command "nonsense". '),
        (["deploy"], "ARTIFACT is missing. `dagy deploy --help` says what there is.\n"),
        (["packages", "show"], "PACKAGE is missing. `dagy packages show --help` says what there is.\n"),
        (["packages", "create", "ml", "numpy"], "--python is missing. `dagy packages create --help`"),
        (["packages", "list", "-n"], "-n needs a value. `dagy packages list --help`"),
        (["packages", "list", "ml"], '"ml" is an argument too many. `dagy packages list --help`'),
        (["packages", "list", "--status", "x"], 'Invalid value "x" for --status. Choose from: "pending", '),
        (["run", "x", "--nonsense"], "Unknown option: --nonsense. `dagy run --help`"),
    ],
)
def test_usage_errors_are_2(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(says)
    assert err.endswith(" --help` says what there is.\n")


def test_the_help_shows_no_default_that_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["deploy", "--help"])
    shown = capsys.readouterr().out
    assert "[default: 300]" in shown
    assert "[default: True]" in shown
    assert "False]" not in shown
    assert "()]" not in shown


def test_it_is_a_plugin_of_kubectl() -> None:
    kubectl = current_layout().bin / "kubectl"
    if not kubectl.exists():
        pytest.skip("kubectl is not built yet")
    environ = {"PATH": f"{BIN}:/usr/bin:/bin"}
    done = subprocess.run(
        [str(kubectl), "dagy", "packages", "--help"],
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "import" in done.stdout


def test_importing_the_sdk_is_cheap() -> None:
    """No HTTP client, no models, no Kubernetes: those are imported when something is deployed."""
    check = (
        "import sys, dagy.deploy, dagy.client; print({'httpx', 'pydantic', 'kubernetes', 'yaml'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "set()\n"


def test_the_extra_for_the_api_in_process_is_the_operators_group() -> None:
    """Without Kopf, and in the same releases: one lock file, one set of bugs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    group = {one for one in project["dependency-groups"]["operator"] if not one.startswith("kopf")}
    assert set(project["project"]["optional-dependencies"]["server"]) == group
