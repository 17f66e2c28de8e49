"""What only this machine's user has is found by no test and by no recipe of the Makefile."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests import new_machine
from tests.cluster.layout import current_layout

ROOT = Path(__file__).parents[1]
SYSTEM = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
ALLOWED = {*SYSTEM, "/usr/local/go/bin", str(ROOT / ".venv/bin"), str(current_layout().bin)}
# Of Debian's essential packages; and make, which has started all this.
ESSENTIAL = (
    "bash cat chmod cp dpkg du env false find grep gzip head hostname kill ls mkdir mount mv nsenter rm sed setpriv sh sha256sum "
    "sleep sort tail tar tee timeout true umount unshare xargs"
)
EVERYWHERE = {"git", *ESSENTIAL.split(), "make"}
# Tests that are skipped without them; kubectl is that of the user whose cluster it is.
LOOKED_FOR = {"zsh", "fish", "kubectl"}
OF_BOOTSTRAP = {
    "python3": "python3",
    "gcc": "gcc",
    "ip": "iproute2",
    "nft": "nftables",
    "unzip": "unzip",
    "lsattr": "e2fsprogs",
    "readelf": "binutils",
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


def _programs(source: str) -> set[str]:
    """First words of the lists that are run as commands: `run(["ip", ...])`, or `command = ["sh", ...]; run(command)`."""
    tree = ast.parse(source)
    named: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            for target in node.targets:
                named.setdefault(getattr(target, "id", ""), []).append(node.value)
    found = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in ("run", "follow", "Popen", "check_output", "execvp"):
            found |= _first(node.args[0], named)
    return {one for one in found if "/" not in one and not one.startswith("-")}


def _first(command: ast.expr, named: Mapping[str, Sequence[ast.expr]]) -> set[str]:
    """The programs that a command may start, as far as they stand there as text."""
    match command:
        case ast.List(elts=[ast.Constant(value=str(program)), *_]):
            return {program}
        case ast.List(elts=[ast.Starred(value=ast.Name(id=name)), *_]) | ast.Name(id=name):
            lists = [one for one in named.get(name, ()) if isinstance(one, ast.List) and one is not command]
            return {str(one.elts[0].value) for one in lists if one.elts and isinstance(one.elts[0], ast.Constant)}
        case _:
            return set()


def test_every_program_that_is_called_by_its_bare_name_is_installed_by_the_bootstrap() -> None:
    bootstrap = (ROOT / "tests/cluster/bootstrap").read_text()
    tests = sorted((ROOT / "tests").rglob("*.py"))
    called = {one: path.relative_to(ROOT) for path in tests for one in _programs(path.read_text())}
    assert {"ip", "unzip"} <= set(called)
    for program, where in called.items():
        if program not in EVERYWHERE | LOOKED_FOR:
            assert OF_BOOTSTRAP.get(program, "?") in bootstrap, (
                f"{where} calls {program}, which a new machine lacks: bootstrap must bring it"
            )


@pytest.mark.parametrize(
    "source",
    [
        'run(["uv", "sync"])',
        'command = ["uv", "pip"]\ncommand += ["x"]\nsubprocess.run(command, check=True)',
        'argv = ["uv"]\nPopen([*argv, "x"])',
    ],
)
def test_a_bare_name_is_seen(source: str) -> None:
    assert _programs(source) == {"uv"}
