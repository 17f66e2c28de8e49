"""What only this machine's user has is found by no test and by no recipe of the Makefile."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import new_machine
from tests.cluster.layout import current_layout

ROOT = Path(__file__).parents[1]
SYSTEM = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
ALLOWED = {*SYSTEM, "/usr/local/go/bin", str(ROOT / ".venv/bin"), str(current_layout().bin)}
# Of Debian's essential packages; and make, which has started all this.
EVERYWHERE = {"bash", "sh", "sleep", "du", "hostname", "mount", "unshare", "make"}
# Tests that are skipped without them; kubectl is that of the user whose cluster it is.
LOOKED_FOR = {"zsh", "fish", "kubectl"}
OF_BOOTSTRAP = {
    "python3": "python3",
    "gcc": "gcc",
    "ip": "iproute2",
    "nft": "nftables",
    "unzip": "unzip",
    "lsattr": "e2fsprogs",
}


@pytest.fixture
def person(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody who has installed uv and another tool, and has activated two environments."""
    folders = [tmp_path / one for one in (".local/bin", ".cargo/bin", ".pyenv/shims", "active/bin")]
    for folder in folders:
        folder.mkdir(parents=True)
        for name in ("uv", "pip", "personal-tool"):
            (folder / name).write_text("#!/bin/sh\necho personal\n")
            (folder / name).chmod(0o755)
    return {
        **os.environ,
        "HOME": str(tmp_path),
        "PATH": ":".join([*map(str, folders), os.environ["PATH"]]),
        "VIRTUAL_ENV": str(tmp_path / "active"),
        "CONDA_PREFIX": str(tmp_path / "active"),
        "PYTHONPATH": str(tmp_path),
        "UV_PROJECT_ENVIRONMENT": str(tmp_path / "active"),
        "SSL_CERT_FILE": "/how/this/machine/reaches/the/internet.pem",
    }


def test_what_a_person_has_is_not_there(person: dict[str, str]) -> None:
    left = new_machine.environment(person)
    assert set(left["PATH"].split(":")) <= ALLOWED
    assert shutil.which("personal-tool", path=person["PATH"])
    assert not shutil.which("personal-tool", path=left["PATH"])
    assert shutil.which("uv", path=left["PATH"]) in (None, str(ROOT / ".venv/bin/uv"))
    assert not {"VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "UV_PROJECT_ENVIRONMENT"} & set(left)
    assert left["SSL_CERT_FILE"] == person["SSL_CERT_FILE"]
    assert left["HOME"] == person["HOME"]


def test_recipes_run_there(person: dict[str, str], tmp_path: Path) -> None:
    makefile = tmp_path / "Makefile"
    included = f"include {ROOT}/Makefile\n"
    makefile.write_text(
        included + 'shown:\n\t@echo "$${VIRTUAL_ENV:-none} $$(command -v personal-tool || echo none)"\n'
    )
    argv = ["make", "--no-print-directory", "--file", str(makefile), "shown"]
    done = subprocess.run(argv, cwd=ROOT, env=person, capture_output=True, text=True, check=True)
    assert done.stdout == "none none\n"


def test_ci_runs_there() -> None:
    assert "exec tests/cluster/new-machine .ci/run" in (ROOT / ".ci/run").read_text()


def test_this_process_runs_there() -> None:
    assert set(os.environ["PATH"].split(":")) <= ALLOWED
    assert not [name for name in os.environ if name.startswith(("UV_", "CONDA_", "VIRTUAL_ENV"))]


def test_with_a_cluster_of_ones_own_its_tools_are_found(person: dict[str, str]) -> None:
    path = new_machine.environment({**person, "CLUSTER": "current"})["PATH"]
    assert shutil.which("personal-tool", path=path)
    assert shutil.which("uv", path=path) != shutil.which("uv", path=person["PATH"])


def _programs(path: Path) -> set[str]:
    """First words of the lists that are run as commands: `run(["ip", ...])`, `subprocess.run(["sh", ...])`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.List):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        first = next(iter(node.args[0].elts), None)
        if name in ("run", "follow", "Popen") and isinstance(first, ast.Constant) and "/" not in str(first.value):
            found.add(str(first.value))
    return {one for one in found if not one.startswith("-")}


def test_every_program_that_is_called_by_its_bare_name_is_installed_by_the_bootstrap() -> None:
    bootstrap = (ROOT / "tests/cluster/bootstrap").read_text()
    tests = sorted((ROOT / "tests").rglob("*.py"))
    called = {one: path.relative_to(ROOT) for path in tests for one in _programs(path)}
    assert {"ip", "unzip"} <= set(called)
    for program, where in called.items():
        if program not in EVERYWHERE | LOOKED_FOR:
            assert OF_BOOTSTRAP.get(program, "?") in bootstrap, f"{where} calls {program}, which a new machine lacks"
