"""An API server of these tests' own: what runs beside it changes what becomes of Jobs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagy_builder.storage.store import ObjectStore
from tests.cluster.layout import current_layout
from tests.fakes.api_server import api_server
from tests.fakes.busy_operator import Rounds, busy_operator
from tests.fakes.kubelet import BUILDS
from tests.fakes.webhook import Server
from tests.peers.administrator import Administrator
from tests.peers.flux import CONTROLLERS, PREFIX, Repository, definitions, flux
from tests.peers.kueue import kueue


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An administrator's kubeconfig."""
    with api_server(tmp_path_factory.mktemp("control-plane")) as path:
        yield str(path)


@pytest.fixture(scope="session")
def with_kueue(kubeconfig: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Kueue, and the Job controller."""
    if not (current_layout().bin / "kueue").exists() or not shutil.which("unshare"):
        pytest.fail("kueue is missing: run `make test-peers`, which builds it.")
    with kueue(kubeconfig, tmp_path_factory.mktemp("kueue"), BUILDS):
        yield


@pytest.fixture(scope="module")
def with_operator(objects: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Rounds]]:
    """An API server in which the operator is at work, and pods are played; an administrator's kubeconfig.

    For one module: the operator goes round without a pause.
    """
    with (
        api_server(tmp_path_factory.mktemp("served-control-plane")) as path,
        busy_operator(str(path), objects, PREFIX) as rounds,
    ):
        yield path, rounds


@pytest.fixture(scope="module")
def with_flux(with_operator: tuple[Path, Rounds], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administrator]:
    """The same, and Flux at work beside it."""
    if missing := [name for name in CONTROLLERS if not (current_layout().bin / name).exists()]:
        pytest.fail(f"{missing[0]} is missing: run `make test-peers`, which builds it.")
    kubeconfig, _ = with_operator
    server = Server(kubeconfig)
    for folder in definitions():
        server("apply", "--server-side", "-f", str(folder))
    server("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    with flux(kubeconfig, tmp_path_factory.mktemp("flux")):
        admin = Administrator(kubeconfig)
        yield admin
        admin.close()


@pytest.fixture
def repository(
    with_operator: tuple[Path, Rounds], with_flux: Administrator, objects: ObjectStore
) -> Iterator[Repository]:
    """A repository that Flux follows."""
    made = Repository.new(with_flux, objects, with_operator[1])
    yield made
    made.close()
