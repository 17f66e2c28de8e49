"""Summaries of flow deployments and what becomes of them, with the tokens of users who have different rights."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dagy.model.rest.summaries import DeploymentSummary, DeploymentSummaryPage
from tests.fakes import deployed
from tests.fakes.api import Api, unique
from tests.fakes.sse import Event, watching

pytestmark = pytest.mark.apiserver
PATH = "/deployments:summaries"
SHA = "a" * 64


def page(api: Api, user: str, **query: str) -> DeploymentSummaryPage:
    with api.client(user) as client:
        answer = client.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    return DeploymentSummaryPage.model_validate(answer.json())


def slug() -> str:
    return "S" + unique("")[1:8].upper()


def of(name: str, kind: str = "deployment") -> Callable[[Event], bool]:
    return lambda event: event.kind == kind and event.data.get("name") == name


def test_a_deployment_in_few_words(api: Api) -> None:
    name, mine = unique("flow"), slug()
    pins = [deployed.pin(mine, SHA, "etl-deps", "team-a")]
    last = {"jobName": f"{name}-1", "revision": 1, "phase": "Failed", "startedAt": deployed.NOW}
    deployed.deploy(
        api.users, name, "team-a", revisions=[(), pins], schedule="0 3 * * *", suspend=True,
        status={"lastRun": last, "message": "word " * 200},
    )  # fmt: skip
    found = next(one for one in page(api, "vera", namespace="team-a").items if one.name == name)
    assert (found.flow_name, found.flow_version, found.dep_package_slugs, found.revision) == ("etl", "2", [mine], 2)
    assert [(one.slug, one.namespace, one.name, one.sha256) for one in found.packages] == [
        (mine, "team-a", "etl-deps", SHA)
    ]
    assert (found.schedule, found.suspended, found.ready, found.settled) == ("0 3 * * *", True, True, True)
    assert found.last_run
    assert (found.last_run.phase, found.last_run.finished_at) == ("Failed", None)
    assert len(found.message) <= 240
    with api.client("vera") as client:
        whole = client.get(f"/deployments/team-a/{name}")
        assert whole.headers["etag"] == found.etag
        assert (whole.json()["id"], whole.json()["ready"]) == (found.id, True)


def test_what_is_not_deployed_yet_has_no_revision(api: Api) -> None:
    name = unique("flow")
    kind = {"apiVersion": "dagy.io/v1", "kind": "FlowDeployment", "metadata": {"name": name, "namespace": "team-a"}}
    api.users.kubectl("create", "-f", "-", stdin={**kind, "spec": deployed.source("1", "team-a")})
    found = next(one for one in page(api, "vera", namespace="team-a").items if one.name == name)
    assert (found.revision, found.packages, found.ready, found.settled, found.last_run) == (
        None,
        [],
        False,
        False,
        None,
    )


def test_those_that_use_a_package_by_their_spec_or_by_what_they_run(api: Api) -> None:
    mine, other = slug(), slug()
    asks, runs, neither = (unique("flow") for _ in range(3))
    pins = [deployed.pin(mine, SHA, "etl-deps", "team-a")]
    deployed.deploy(api.users, asks, "team-a", depPackageSlugs=[f"{mine}@{SHA}"])
    deployed.deploy(api.users, runs, "team-a", revisions=[pins], depPackageSlugs=[other])
    deployed.deploy(api.users, neither, "team-a", depPackageSlugs=[other])
    found = page(api, "vera", namespace="team-a", dep_package=mine)
    assert {one.name for one in found.items} == {asks, runs}
    assert found.resource_version.isdigit()
    with api.client("vera") as client:
        whole = client.get("/deployments", params={"namespace": "team-a", "dep_package": mine}).json()
    assert {one["name"] for one in whole["items"]} == {asks, runs}


def test_pages_and_who_may_have_them(api: Api) -> None:
    for _ in range(3):
        deployed.deploy(api.users, unique("flow"), "team-a")
    first = page(api, "alice", namespace="team-a", limit="2")
    assert len(first.items) == 2
    assert first.next_cursor
    second = page(api, "alice", namespace="team-a", cursor=first.next_cursor)
    assert second.next_cursor is None
    assert second.resource_version == first.resource_version
    assert not {one.id for one in first.items} & {one.id for one in second.items}
    with api.client("bob") as bob:
        for path in (PATH, "/deployments:watch"):
            assert bob.get(path, params={"namespace": "team-a"}).json()["code"] == "NotFound"
            assert bob.get(path).json()["code"] == "NamespaceRequired"


def test_what_happens_is_told_as_it_happens(api: Api) -> None:
    name, since = unique("flow"), page(api, "vera", namespace="team-a", limit="1").resource_version
    path, query = "/deployments:watch", {"namespace": "team-a", "resource_version": since}
    with api.client("vera") as client, watching(client, path, **query) as stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        deployed.deploy(api.users, name, "team-a")
        told = stream.until(lambda event: of(name)(event) and event.data["ready"])
        ready = DeploymentSummary.model_validate(told[-1].data)
        assert (ready.namespace, ready.revision) == ("team-a", 1)
        api.users.kubectl("delete", "flowdeployment", name, "--namespace=team-a")
        gone = stream.until(of(name, "gone"))[-1]
        assert gone.data == {"id": ready.id, "namespace": "team-a", "name": name}
