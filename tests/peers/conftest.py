"""An API server of these tests' own: what runs beside it changes what becomes of Jobs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.cluster.layout import current_layout
from tests.fakes.api_server import api_server
from tests.fakes.kubelet import BUILDS
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
