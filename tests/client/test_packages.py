"""Packages through the client, over HTTP with a user's token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dagy.client import (
    ChangedError,
    Client,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    NotSettledError,
    UnauthorizedError,
    UnreachableError,
)
from dagy.client.http import retry
from dagy.client.http.requests import Call
from dagy.client.http.session import Session
from dagy.model.rest.packages import DepPackageBody, DepPackageCreate, ParseRequest, Resolution
from tests.cluster.doctor import free_port
from tests.fakes.api import Api, unique
from tests.fakes.operator import PlayedOperator

pytestmark = pytest.mark.apiserver


@pytest.fixture
def client(served: Api) -> Iterator[Client]:
    with Client(served.url, token=served.users.token("dora"), namespace="team-a") as client:
        yield client


def new(name: str, *dependencies: str) -> DepPackageCreate:
    return DepPackageCreate(
        namespace="team-a", name=name, python_version="3.12", dependencies=list(dependencies or ["six"])
    )


def test_a_package_from_its_creation_to_its_end(client: Client, played: PlayedOperator, tmp_path: Path) -> None:
    name = unique()
    made = client.packages.create(new(name, "numpy", "six"))
    assert (made.name, made.build_status, made.settled) == (name, "PENDING", False)
    with pytest.raises(ConflictError, match=f"team-a/{name} already"):
        client.packages.create(new(name))
    slug = played.completes("team-a", name, b"the ZIP")
    for reference in (slug, name, f"team-a/{name}"):
        assert client.packages.get(reference).id == made.id
    done = client.packages.wait(slug, timeout=10)
    assert (done.build_status, done.package_size, done.slug) == ("COMPLETED", 7, slug)
    assert [one.name for one in client.packages.list("team-a", search=slug)] == [name]

    asked = client.packages.build(slug)
    assert played.get("team-a", name)["metadata"]["annotations"]["dagy.io/build"] == asked.token
    assert client.packages.refresh(slug).token
    with pytest.raises(NotSettledError, match=f"Package team-a/{name} is COMPLETED after 0 s"):
        client.packages.wait(slug, timeout=0)
    client.packages.delete(slug)
    with pytest.raises(NotFoundError, match=f"There is no package team-a/{name}"):
        client.packages.get(name)


def test_saving_is_repeatable_and_refuses_lost_updates(client: Client) -> None:
    name, body = unique(), DepPackageBody(python_version="3.12", dependencies=["six"])
    first, second = client.packages.save(name, body), client.packages.save(name, body)
    assert (first.id, first.etag) == (second.id, second.etag)
    changed = client.packages.change(name, {"description": "ours"}, etag=first.etag)
    assert changed.description == "ours"
    with pytest.raises(ChangedError):
        client.packages.change(name, {"description": "theirs"}, etag=first.etag)
    assert client.packages.change(name, {"description": None}).description is None


def test_lists_are_fetched_page_by_page(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = unique()
    for number in range(5):
        client.packages.create(new(f"{prefix}-{number}"))
    send = Session.send

    def two_at_a_time(session: Session, call: Call[Any]) -> Any:
        return send(session, replace(call, query={**call.query, "limit": "2"}))

    monkeypatch.setattr(Session, "send", two_at_a_time)
    found = [one.name for one in client.packages.list("team-a", search=prefix)]
    assert found == [f"{prefix}-{number}" for number in range(5)]


def test_parsing(client: Client) -> None:
    request = ParseRequest(
        text="numpy==2\nsix\n", python_version="3.12", existing=["numpy==1"], resolutions=Resolution.USE
    )
    parsed = client.packages.parse(request)
    assert parsed.summary.conflicts == 1
    assert [one.requirement for one in parsed.dependencies] == ["numpy==2", "six"]


def test_what_one_may_not_do(served: Api, client: Client) -> None:
    name = unique()
    client.packages.create(new(name))
    with Client(served.url, token=served.users.token("vito"), namespace="team-a") as viewer:
        assert viewer.packages.get(name).name == name
        with pytest.raises(ForbiddenError):
            viewer.packages.build(name)
        with pytest.raises(NotFoundError):
            viewer.packages.get(f"team-b/{name}")
    with Client(served.url, token="nonsense") as stranger, pytest.raises(UnauthorizedError, match="does not accept"):
        stranger.packages.get(f"team-a/{name}")


def test_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_delay", lambda _: 0.0)
    url = f"http://127.0.0.1:{free_port()}"
    with Client(url, token="t") as client, pytest.raises(UnreachableError, match=f"API at {url}.* cannot be reached"):
        client.packages.get("ml")
