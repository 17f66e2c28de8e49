from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagy_builder.contract import BuildRequest
from dagy_builder.steps import pipeline
from dagy_builder.steps.resolve import lock_of_result
from dagy_builder.uv.runner import Uv, open_uv
from tests.fakes.catalogue import CATALOGUE
from tests.fakes.index import Authority, Index, serve
from tests.fakes.uploads import Build
from tests.registry_server import Registry, registry_server
from tests.s3server import s3_server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """S3 server and registry are built with Kubernetes' own programs, so what needs them is no unit test."""
    for item in items:
        needs = {"bucket", "registry", "guarded_registry"} & {*getattr(item, "fixturenames", ())}
        if needs and item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("apiserver")


@pytest.fixture
def index() -> Iterator[Index]:
    with serve(*CATALOGUE) as running:
        yield running


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.made_in(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def uv(tmp_path: Path) -> Iterator[Uv]:
    with open_uv({"PATH": "/usr/bin:/bin", "UV_CACHE_DIR": str(tmp_path / "uv-cache")}) as opened:
        yield opened


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of a real S3 server; the environment leads boto3 to it."""
    folder = tmp_path / "s3"
    folder.mkdir()
    with s3_server(folder, "packages") as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield "packages"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """A real registry that everybody may push to."""
    (tmp_path / "registry").mkdir()
    with registry_server(tmp_path / "registry") as running:
        yield running


@pytest.fixture
def guarded_registry(tmp_path: Path) -> Iterator[Registry]:
    """One that wants a login."""
    (tmp_path / "guarded").mkdir()
    with registry_server(tmp_path / "guarded", login=True) as running:
        yield running


@pytest.fixture
def build(index: Index, bucket: str, tmp_path: Path) -> Build:
    """Everything up to the upload."""
    request = BuildRequest("3.12", index_url=index.url, requirements=["alpha"], bucket=bucket, key_prefix="ns/SLUG/")
    resolved = pipeline.resolve(request, lambda _: None)
    assert resolved.result
    lock = lock_of_result(resolved.result)
    request = dataclasses.replace(request, lock_hash=resolved.result["lockHash"])
    work = tmp_path / "work"
    assert pipeline.install(request, lock, work, lambda _: None).ok
    assert pipeline.package(request, work, lambda _: None, lock_text=lock).ok
    return Build(request, lock, work, [])
