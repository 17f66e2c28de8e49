"""A private API server with the CRDs, and a private S3 server, for all tests that need one."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from dagy_builder.storage.store import ObjectStore
from tests import new_machine
from tests.cluster.layout import current_layout
from tests.fakes.api_server import api_server
from tests.fakes.kubelet import BUCKET
from tests.s3server import s3_server

if TYPE_CHECKING:
    from tests.fakes.api import Api, Users
    from tests.fakes.index import Index

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
    with api_server(tmp_path_factory.mktemp("control-plane")) as path:
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


@pytest.fixture(scope="session")
def users(kubeconfig: str) -> Users:
    """Service accounts: alice may edit team-a, bob team-b, vera may view team-a, nobody may do nothing."""
    from tests.fakes.api import Users  # takes a second, which tests of pure functions do without

    users = Users(kubeconfig)
    users.create("alice", edits="team-a")
    users.create("bob", edits="team-b")
    users.create("vera", views="team-a")
    users.create("nobody")
    users.create_api()
    return users


@pytest.fixture(scope="session")
def searched_index() -> Iterator[Index]:
    """The package index that the API's app searches."""
    from tests.fakes.searched import searched

    with searched() as index:
        yield index


@pytest.fixture(scope="session")
def api(kubeconfig: str, users: Users, objects: ObjectStore, searched_index: Index) -> Iterator[Api]:
    """The API's app, served over HTTP by uvicorn in a thread."""
    from tests.fakes.api import serving

    with serving(kubeconfig, users, objects.bucket, index_url=searched_index.url) as api:
        yield api
