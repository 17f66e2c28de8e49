"""The API's app over a real API server and a real S3 server, and users with tokens of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dagy_builder.storage.store import ObjectStore
from tests.fakes.api import Api, Users, serving
from tests.fakes.webhook_world import world

__all__ = ["api", "users", "world"]


@pytest.fixture(scope="session")
def users(kubeconfig: str) -> Users:
    """Service accounts: alice may edit team-a, bob team-b, vera may view team-a, nobody may do nothing."""
    users = Users(kubeconfig)
    users.create("alice", edits="team-a")
    users.create("bob", edits="team-b")
    users.create("vera", views="team-a")
    users.create("nobody")
    users.create_api()
    return users


@pytest.fixture(scope="session")
def api(kubeconfig: str, users: Users, objects: ObjectStore) -> Iterator[Api]:
    """The app, served over HTTP by uvicorn in a thread."""
    with serving(kubeconfig, users, objects.bucket) as api:
        yield api
