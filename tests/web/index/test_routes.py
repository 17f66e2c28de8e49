"""/index on a real API server: what is found, whose names come first, and what is told when the index is not there."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from dagy_builder.storage.store import ObjectStore
from tests.fakes.api import Api, Users, serving, unique
from tests.fakes.index import Index, serve

pytestmark = pytest.mark.apiserver


def names(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


def test_projects_are_found(api: Api) -> None:
    with api.client("alice") as client:
        found = client.get("/index/search", params={"q": "Pandas"})
        assert names(found) == ["pandas", "pandas-stubs", "geopandas"]
        body = found.json()
        assert (body["state"], body["names"], body["message"]) == ("complete", 5, None)
        assert body["as_of"].endswith("Z")
        assert body["items"][0] == {
            "name": "pandas",
            "match": "exact",
            "alias": None,
            "popular": False,
            "used_here": False,
        }
        assert names(client.get("/index/search", params={"q": "pnadas", "limit": 1})) == ["pandas"]
        (alias,) = client.get("/index/search", params={"q": "sklearn"}).json()["items"]
        assert (alias["name"], alias["match"], alias["alias"]) == ("scikit-learn", "alias", "sklearn")
        assert names(client.get("/index/search", params={"q": "???"})) == []


@pytest.mark.parametrize(
    "query", [{}, {"q": ""}, {"q": "x" * 257}, {"q": "x", "limit": 21}, {"q": "x", "namespace": "_"}]
)
def test_questions_that_are_none(api: Api, query: dict[str, Any]) -> None:
    with api.client("alice") as client:
        answer = client.get("/index/search", params=query)
        assert (answer.status_code, answer.json()["code"]) == (422, "InvalidRequest")


def test_the_index_is_told_who_asks(api: Api, searched_index: Index) -> None:
    with api.client("alice") as client:
        client.get("/index/search", params={"q": "pandas"})
    # Others ask it as well, in the same process: `dagy doctor` by its own name.
    assert any(agent.startswith("dagy-api/") for agent in searched_index.agents)
    assert all(agent.startswith("dagy-") for agent in searched_index.agents)


def test_nobody_searches_without_a_token(api: Api) -> None:
    with api.client(None) as client:
        assert client.get("/index/search", params={"q": "x"}).status_code == 401
        assert client.get("/index/projects/x").status_code == 401


def test_names_that_packages_use_come_first_and_only_for_those_who_see_them(
    kubeconfig: str, users: Users, objects: ObjectStore, searched_index: Index
) -> None:
    """In an API of its own: what packages use is kept for minutes."""
    name = unique("used")
    with (
        serving(kubeconfig, users, objects.bucket, index_url=searched_index.url) as api,
        api.client("alice") as alice,
        api.client("vera") as vera,
        api.client("bob") as bob,
    ):
        body = {
            "namespace": "team-a",
            "name": name,
            "python_version": "3.12",
            "dependencies": ["Geopandas>=1", "secret-lib"],
        }
        assert alice.post("/dep-packages", json=body).status_code == 201
        query = {"q": "pandas", "namespace": "team-a"}
        for client in (alice, vera):
            found = client.get("/index/search", params=query).json()["items"]
            assert [one["used_here"] for one in found if one["name"] == "geopandas"] == [True]
        assert all(not one["used_here"] for one in bob.get("/index/search", params=query).json()["items"])
        assert all(not one["used_here"] for one in alice.get("/index/search", params={"q": "pandas"}).json()["items"])
        alice.delete(f"/dep-packages/team-a/{name}")


def test_releases_of_a_project(api: Api) -> None:
    with api.client("alice") as client:
        answer = client.get("/index/projects/Pandas", params={"python_version": "3.12"})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert (body["name"], body["newest"], body["newest_fitting"]) == ("pandas", "2.1.1", "2.0.0")
        told = {one["version"]: one for one in body["releases"]}
        assert list(told) == ["2.1.1", "2.1.0", "2.0.0", "1.5.3"]
        assert [one["fits"] for one in told.values()] == ["other-python", "wheel", "wheel", "other-python"]
        newest = told["2.0.0"]
        assert (newest["major"], newest["minor"], newest["build"]) == ("2", "0", "0")
        assert newest["specs"] == {"exact": "==2.0.0", "minor": ">=2.0.0,<2.1.0", "major": ">=2.0.0,<3.0.0"}
        assert (newest["uploaded"], newest["yanked"], newest["size"] > 0) == ("2023-04-03T10:00:00Z", False, True)
        assert (told["2.1.0"]["yanked"], told["2.1.0"]["yanked_reason"]) == (True, "broken")
        more = client.get("/index/projects/pandas", params={"python_version": "3.13", "prereleases": "true"}).json()
        assert (more["releases"][0]["version"], more["newest_fitting"]) == ("3.0.0rc1", "2.1.1")


def test_a_project_that_is_not_there(api: Api) -> None:
    with api.client("alice") as client:
        answer = client.get("/index/projects/no_such.project")
        assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")
        assert "no project no-such-project" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["..", "%2e%2e", "a%2fb", "a%0ab", "a?x", "-a", "http:%2f%2fh", "a" * 129])
def test_names_lead_nowhere_else(api: Api, searched_index: Index, name: str) -> None:
    before = len(searched_index.requests)
    with api.client("alice") as client:
        assert client.get(f"/index/projects/{name}").status_code in {404, 422}
    assert all(path in {"/simple/", "/simple/a/"} for path in searched_index.requests[before:])


def test_when_the_index_is_not_there(kubeconfig: str, users: Users, objects: ObjectStore) -> None:
    with serve() as gone:
        url = gone.url
    with serving(kubeconfig, users, objects.bucket, index_url=url) as api, api.client("alice") as client:
        found = client.get("/index/search", params={"q": "pandas"}).json()
        assert (found["state"], found["items"], found["names"]) == ("offline", [], 0)
        assert "gives no answer" in found["message"]
        answer = client.get("/index/projects/pandas")
        assert (answer.status_code, answer.json()["code"]) == (503, "IndexUnavailable")
        assert answer.headers["Retry-After"]
        assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("settings", [{"search": False}, {"index_url": "no url"}])
def test_when_it_is_switched_off(kubeconfig: str, users: Users, objects: ObjectStore, settings: dict[str, Any]) -> None:
    with serving(kubeconfig, users, objects.bucket, **settings) as api, api.client("alice") as client:
        assert client.get("/index/search", params={"q": "pandas"}).json()["state"] == "off"
        answer = client.get("/index/projects/pandas")
        assert (answer.status_code, answer.json()["code"]) == (501, "SearchOff")
