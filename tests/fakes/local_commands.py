"""Commands in this process, and manifests whose packages come from an index of the test's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from dagy.cli import app
from tests.fakes.index import Index, Release

RELEASES = (
    Release("alpha", "1.0", ["beta<2"], entry_points="[console_scripts]\nalpha = alpha:VERSION.strip\n"),
    Release("beta", "1.0"),
    Release("beta", "2.0"),
    Release("gamma", "3.0", ["beta>=2"]),
    Release("asyncio", "3.4.3"),
    Release("sdistonly", "1.0", sdist=True),
)


def manifest(index: Index, *dependencies: str, **spec: Any) -> Path:
    """package.yaml in the present folder."""
    path = Path("package.yaml")
    spec = {"pythonVersion": "3.12", "dependencies": list(dependencies), "index": {"url": index.url}, **spec}
    document = {"apiVersion": "dagy.io/v1", "kind": "DepPackage", "metadata": {"name": "x"}, "spec": spec}
    path.write_text(yaml.safe_dump(document))
    return path


def run(*arguments: str | Path) -> int:
    """Run a command; return its exit code."""
    with pytest.raises(SystemExit) as ended:
        app([str(one) for one in arguments])
    return int(ended.value.code or 0)


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """Run a command with --json; return its answer."""
    values: dict[str, Any] = json.loads(capsys.readouterr().out)
    return values
