"""An API server of these tests' own: what runs beside it changes what becomes of Jobs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fakes.api_server import api_server


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An administrator's kubeconfig."""
    with api_server(tmp_path_factory.mktemp("control-plane")) as path:
        yield str(path)
