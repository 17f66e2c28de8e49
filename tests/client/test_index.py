"""`client.index` on the real API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dagy.client import Client, InvalidError, NotFoundError
from dagy.model.rest.index import IndexMatch, IndexState, ReleaseFit
from dagy_builder.storage.store import ObjectStore
from tests.fakes.api import Users, serving
from tests.fakes.index import Release, serve

pytestmark = pytest.mark.apiserver


@pytest.fixture(scope="module")
def searching(kubeconfig: str, sdk_users: Users, objects: ObjectStore) -> Iterator[Client]:
    with (
        serve(Release("pandas", "2.0.0"), Release("pandas", "2.1.0", requires_python=">=3.13")) as index,
        serving(kubeconfig, sdk_users, objects.bucket, prefix="", index_url=index.url) as api,
        Client(api.url, token=sdk_users.token("dora")) as client,
    ):
        index.names = ["pandas-stubs"]
        yield client


def test_search(searching: Client) -> None:
    found = searching.index.search("Panda", namespace="team-a")
    assert found.state is IndexState.COMPLETE
    assert [(one.name, one.match) for one in found.items] == [
        ("pandas", IndexMatch.PREFIX),
        ("pandas-stubs", IndexMatch.PREFIX),
    ]
    assert len(searching.index.search("panda", limit=1).items) == 1


def test_releases(searching: Client) -> None:
    project = searching.index.project("Pandas", python_version="3.12", architecture="arm64", glibc="2.31")
    assert (project.newest, project.newest_fitting, project.architecture) == ("2.1.0", "2.0.0", "arm64")
    assert [one.fits for one in project.releases] == [ReleaseFit.OTHER_PYTHON, ReleaseFit.WHEEL]
    assert project.releases[1].specs.minor == ">=2.0.0,<2.1.0"
    with pytest.raises(NotFoundError):
        searching.index.project("nothing", prereleases=True, source_distributions="Allow")
    with pytest.raises(InvalidError):
        searching.index.project("pandas", python_version="2.7")
