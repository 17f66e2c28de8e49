"""A private API server with the CRDs, and a private S3 server, for all tests that need one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from dagy_builder.storage.store import ObjectStore
from tests import new_machine, rights
from tests.cluster.controlplane import control_plane
from tests.cluster.layout import current_layout
from tests.fakes.controller import BUCKET
from tests.s3server import s3_server

ROOT = Path(__file__).parents[1]
# How long an example takes says nothing on a machine that does other work as well.
hypothesis.settings.register_profile("dagy", deadline=None)
hypothesis.settings.load_profile("dagy")

# However pytest is started: what a test finds is what a new machine has.
new_machine.enter()


class _ByWhatTheyNeed(LoadScopeScheduling):
    """Two processes: the tests of the one cluster take turns in the first, what computes is in the second."""

    def _split_scope(self, nodeid: str) -> str:
        return "cluster" if nodeid.startswith(("tests/e2e/", "tests/cluster/test_cluster.py")) else "machine"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Not `--dist=loadgroup`: with pytest 9.2 the marks of xdist 3.8 don't reach it."""
    return _ByWhatTheyNeed(config, log)


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An API server with our CRDs, our roles and the namespaces that tests use."""
    layout = current_layout()
    with ExitStack() as running:
        path = running.enter_context(control_plane(layout, tmp_path_factory.mktemp("control-plane")))

        def kubectl(*arguments: str, stdin: Any = None) -> tuple[int, str]:
            argv = [str(layout.bin / "kubectl"), f"--kubeconfig={path}", *arguments]
            text = None if stdin is None else json.dumps(stdin)
            done = subprocess.run(argv, input=text, capture_output=True, text=True, check=stdin is None)
            return done.returncode, done.stdout + done.stderr

        kubectl("apply", "--server-side", "-k", str(ROOT / "crds"))
        kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        # These wait while their storage is being set up.
        kubectl("get", "deppackages,slugclaims,flowdeployments", "--all-namespaces")
        for namespace in ("team-a", "team-b", "dagy-builds", "dagy-system"):
            kubectl("create", "namespace", namespace)
        rights.grant(kubectl)
        yield str(path)


@pytest.fixture
def kubectl(kubeconfig: str) -> Any:
    """kubectl; exit code and everything it said."""

    def run(*arguments: str, stdin: Any = None) -> tuple[int, str]:
        argv = [str(current_layout().bin / "kubectl"), f"--kubeconfig={kubeconfig}", "-n", "team-a", *arguments]
        done = subprocess.run(argv, input=json.dumps(stdin), capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """The bucket."""
    with s3_server(tmp_path_factory.mktemp("s3"), BUCKET) as variables, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield ObjectStore(BUCKET)
