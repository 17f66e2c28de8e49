"""Packages as they change, through the client, and who the client's user is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.client import Client, NotFoundError
from dagy.client.watching import Event, events
from dagy.model.rest.packages import DepPackageCreate
from dagy.model.rest.summaries import GoneDeployment, GonePackage
from tests.fakes.api import Api, unique
from tests.fakes.deployed import deploy
from tests.fakes.operator import PlayedOperator


def test_events_are_read_as_they_are_written() -> None:
    lines = ["event: synced", "id: 7", "data: {}", "", ":", "", "event: gone", "data: {1: 2}", "", "event: cut"]
    assert list(events(iter(lines))) == [Event("synced", "{}", "7"), Event("gone", "{1: 2}", "")]


@given(st.lists(st.text(alphabet="event:data id\n")))
def test_any_lines_may_come(lines: list[str]) -> None:
    for event in events(iter(lines)):
        assert event.kind is not None


@pytest.mark.apiserver
def test_packages_are_told_as_they_are_and_as_they_change(served: Api, played: PlayedOperator) -> None:
    name = unique()
    with Client(served.url, token=served.users.token("dora"), namespace="team-a") as client:
        client.packages.create(
            DepPackageCreate(namespace="team-a", name=name, python_version="3.12", dependencies=["six"])
        )
        assert name in [one.name for one in client.packages.summaries("team-a")]
        told = (one for one in client.packages.watch("team-a") if one.name == name)
        first = next(told)
        assert not isinstance(first, GonePackage)
        assert first.build_status == "PENDING"
        slug = played.completes("team-a", name)
        while (later := next(told)) and (isinstance(later, GonePackage) or later.build_status != "COMPLETED"):
            pass
        assert not isinstance(later, GonePackage)
        assert later.slug == slug
        client.packages.delete(name)
        while not isinstance(next(told), GonePackage):
            pass
        told.close()
        with pytest.raises(NotFoundError):
            next(client.packages.watch("team-b"))


@pytest.mark.apiserver
def test_deployments_are_told_as_they_are_and_as_they_change(served: Api) -> None:
    name, slug = unique("flow"), "W" + unique("")[1:8].upper()
    with Client(served.url, token=served.users.token("dora"), namespace="team-a") as client:
        deploy(served.users, name, "team-a", depPackageSlugs=[slug])
        assert [one.name for one in client.deployments.summaries("team-a", dep_package=slug)] == [name]
        told = (one for one in client.deployments.watch("team-a") if one.name == name)
        first = next(told)
        assert not isinstance(first, GoneDeployment)
        assert first.revision == 1
        client.deployments.delete(name)
        while not isinstance(next(told), GoneDeployment):
            pass
        told.close()


@pytest.mark.apiserver
def test_who_one_is_and_where_one_may_look(served: Api) -> None:
    with Client(served.url, token=served.users.token("vito"), namespace="team-a") as client:
        me = client.whoami("team-a")
        assert me.username.endswith(":vito")
        assert me.rights
        assert me.rights.dep_packages == ["get", "list", "watch"]
        assert [one.name for one in client.namespaces().items] == ["team-a"]
