"""Tools from PyPI in virtual environments that go when the benchmark ends."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

from uv import find_uv_bin

from tests.bench.cases import PYTHON
from tests.bench.timing import CannotRunError
from tests.cluster.layout import current_layout

HOST_PYTHON = Path("/usr/bin/python3")


class Toolbox:
    """Virtual environments below a folder, made when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.versions: dict[str, str] = {}
        """Tools that were installed, with their versions."""

    def bin(self, tool: str, *, target: bool) -> Path:
        """Folder with the tool's commands, on the Python that is built for or on Debian's. Raises CannotRunError."""
        environment = self.folder / tool
        if not environment.exists():
            python = _target_python() if target else HOST_PYTHON
            self._uv("venv", "--python", str(python), str(environment))
            # pip as well, because shiv and aws-lambda-builders call it.
            self._uv("pip", "install", "--python", str(environment / "bin/python"), "pip", _pinned(tool))
            shown = self._uv("pip", "show", "--python", str(environment / "bin/python"), tool)
            fields = dict(line.split(": ", 1) for line in shown.splitlines() if ": " in line)
            self.versions[tool] = fields.get("Version", "?")
        return environment / "bin"

    def _uv(self, *arguments: str) -> str:
        done = subprocess.run(
            [find_uv_bin(), *arguments, "--quiet"] if arguments[1] != "show" else [find_uv_bin(), *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if done.returncode:
            raise CannotRunError(f"it can't be installed: {done.stderr.strip()[-300:]}")
        return done.stdout


def _pinned(tool: str) -> str:
    """The tool; uv in the release that `dagy build` runs, so that the difference is ours and not uv's."""
    return f"uv=={version('uv')}" if tool == "uv" else tool


def _target_python() -> Path:
    """CPython of the target on this machine: the one that goes into the builder image, or else one that uv finds."""
    bundled = current_layout().cache / "interpreters" / PYTHON / "bin" / f"python{PYTHON}"
    if bundled.exists():
        return bundled
    command = [find_uv_bin(), "python", "find", "--no-project", PYTHON]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if found.returncode:
        raise CannotRunError(f"CPython {PYTHON} is not on this machine; `make images` brings it.")
    return Path(found.stdout.strip())
