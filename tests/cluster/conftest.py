"""The running cluster, for tests of the cluster itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from tests.cluster.kube import kubectl
from tests.cluster.layout import Layout, current_layout


@pytest.fixture(scope="session")
def running() -> Layout:
    """The state folder of the cluster that `make up` started."""
    layout = current_layout()
    if not layout.kubeconfig.exists():
        pytest.fail("There is no cluster to test on: run `make up` first.")
    return layout


@pytest.fixture
def namespace(running: Layout) -> Iterator[str]:
    """A namespace that goes with the test."""
    name = f"cluster-{uuid.uuid4().hex[:8]}"
    kubectl(running, "create", "namespace", name)
    yield name
    kubectl(running, "delete", "namespace", name, "--wait=false")
