"""The API as the SDK and the CLI meet it: served over HTTP for users with tokens, and inside the commands' process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dagy_builder.storage.store import ObjectStore
from tests.fakes.api import Api, Users, serving
from tests.fakes.operator import PlayedOperator


@pytest.fixture(scope="session")
def sdk_users(kubeconfig: str) -> Users:
    """Service accounts: dora may edit team-a, vito may view it."""
    users = Users(kubeconfig)
    users.create("dora", edits="team-a")
    users.create("vito", views="team-a")
    users.create_api()
    return users


@pytest.fixture(scope="session")
def served(kubeconfig: str, sdk_users: Users, objects: ObjectStore) -> Iterator[Api]:
    """The API over HTTP."""
    with serving(kubeconfig, sdk_users, objects.bucket, prefix="") as api:
        yield api


@pytest.fixture
def played(kubeconfig: str, objects: ObjectStore) -> PlayedOperator:
    """The operator's part."""
    return PlayedOperator(kubeconfig, objects)
