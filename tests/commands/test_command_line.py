"""The command line itself: usage, kubectl, what is imported, what must be installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from dagy.cli import main
from dagy_builder.uv.runner import find_uv
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


def test_the_extra_for_the_api_in_process_is_a_part_of_the_operators_group() -> None:
    """In the same releases: one lock file, one set of bugs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extra = set(project["project"]["optional-dependencies"]["server"])
    assert extra < set(project["dependency-groups"]["operator"])
    assert {one.split(">")[0] for one in extra} == {"fastapi", "kubernetes", "uvicorn"}


def test_the_api_in_process_needs_no_more_than_its_extra() -> None:
    """boto3 above all: pip finds no releases of it and of kubernetes that go together."""
    check = (
        "import sys; sys.modules.update(dict.fromkeys(['boto3', 'botocore', 'cryptography', 'deflate', 'kopf', 'uv']));"
        "import dagy.web.app, dagy.web.serving.in_process, dagy.commands.cluster_api"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.network
def test_what_the_readme_says_installs_it(tmp_path: Path) -> None:
    """Without this project's uv.lock, as pip and `uv tool` do it."""
    text = (ROOT / "README.md").read_text()
    (requirement,) = set(re.findall(r"install '(\.\[[a-z,]+\])'", text))
    shutil.copytree(ROOT, tmp_path / "checkout", ignore=shutil.ignore_patterns(".*", "node_modules", "__pycache__"))
    uv = [find_uv(), "--no-config", "--quiet"]
    subprocess.run([*uv, "venv", str(tmp_path / "venv"), "--python", sys.executable], check=True)
    wheel = [*uv, "build", "--wheel", "--out-dir", str(tmp_path / "dist"), str(tmp_path / "checkout")]
    subprocess.run(wheel, check=True)
    (built,) = (tmp_path / "dist").glob("*.whl")
    install = [*uv, "pip", "install", "--python", str(tmp_path / "venv/bin/python")]
    subprocess.run([*install, f"dagy{requirement[1:]} @ {built.as_uri()}"], check=True)
    done = subprocess.run(
        [str(tmp_path / "venv/bin/dagy"), "packages", "list"],
        env={"KUBECONFIG": str(tmp_path / "none"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert f"there is no file {tmp_path / 'none'}" in done.stderr
