"""`dagy` on the real API, inside its process with a kubeconfig or over HTTP with a token; and without any, on an index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dagy.cli import main
from dagy_builder.storage.store import ObjectStore
from tests.fakes.api import unique
from tests.fakes.index import Index, serve
from tests.fakes.local_commands import RELEASES
from tests.fakes.operator import PlayedOperator

Dagy = Callable[..., int]


@pytest.fixture
def played(kubeconfig: str, objects: ObjectStore) -> PlayedOperator:
    """The operator's part."""
    return PlayedOperator(kubeconfig, objects)


@pytest.fixture
def dagy(kubeconfig: str, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Dagy:
    """Run a command line as the kubeconfig's administrator; its exit code."""
    monkeypatch.setenv("KUBECONFIG", kubeconfig)
    monkeypatch.setenv("DAGY_S3_BUCKET", objects.bucket)
    monkeypatch.delenv("DAGY_API_URL", raising=False)

    def run(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return int(ended.value.code or 0)

    return run


@pytest.fixture
def name(dagy: Dagy, capsys: pytest.CaptureFixture[str]) -> str:
    """A package with numpy==1.26 and flask, in team-a."""
    name = unique()
    assert dagy("packages", "create", f"team-a/{name}", "numpy==1.26", "Flask", "--python", "3.12") == 0
    assert capsys.readouterr().out == f"team-a/{name}: created\n"
    return name


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    """The index of commands that work on this machine."""
    with serve(*RELEASES) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and a uv cache of the test's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("DAGY_SHARED_CACHE", str(tmp_path / "shared"))
    return tmp_path
