"""Flow engines from PyPI, each in an environment of its own beside the cluster's binaries."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.layout import REPO, current_layout
from tests.cluster.shell import run

VERSIONS = {
    "airflow": ("apache-airflow==3.3.2", "apache-airflow-providers-cncf-kubernetes==10.25.0"),
    "prefect": ("prefect==3.9.1", "prefect-kubernetes==0.8.0"),
    "dagster": ("dagster==1.13.27", "dagster-k8s==0.29.27"),
}
_PAGE = REPO / "docs/engines.md"
_BLOCK = re.compile(r"```(?:python|yaml)\n# (?P<file>\S+)\n(?P<text>.*?)```", re.DOTALL)


def python_of(engine: str) -> Path:
    """Return the interpreter of an engine's environment, which is made the first time."""
    uv = REPO / ".venv/bin/uv"
    environment = (
        current_layout().root
        / "cache/engines"
        / "-".join([engine, *(one.partition("==")[2] for one in VERSIONS[engine])])
    )
    python = environment / "bin/python"
    if not (environment / "complete").exists():
        run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, environment])
        run([uv, "pip", "install", "--quiet", "--python", python, *VERSIONS[engine]])
        (environment / "complete").touch()
    return python


def written(folder: Path, file: str, slug: str) -> Path:
    """Write the example of that name, as docs/engines.md has it, with the package's slug; return its path."""
    blocks = {found["file"]: found["text"] for found in _BLOCK.finditer(_PAGE.read_text())}
    (folder / file).write_text(blocks[file].replace("A1B2C3D4", slug))
    return folder / file


def ran(python: Path, *arguments: str | Path, cwd: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """Run the engine's Python; its exit code and all that it said."""
    done = subprocess.run(
        [*variables(cwd, env), python, *arguments], cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stdout


def variables(home: Path, env: Mapping[str, str]) -> list[str]:
    """Return the beginning of a command line that gives a program these variables, and no others of ours."""
    return ["env", "-i", "PATH=/usr/bin:/bin", f"HOME={home}", *(f"{name}={value}" for name, value in env.items())]
