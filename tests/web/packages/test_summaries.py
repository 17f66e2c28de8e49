"""Summaries of packages and what becomes of them, with the tokens of users who have different rights."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from dagy.model.rest.summaries import DepPackageSummary, DepPackageSummaryPage
from dagy.web.serving.services import WATCHES_EACH
from tests.fakes.api import Api, Users, artifact_status, unique
from tests.fakes.sse import Event, watching

pytestmark = pytest.mark.apiserver


def make(users: Users, name: str, namespace: str = "team-a", **spec: Any) -> None:
    manifest = {
        "apiVersion": "dagy.io/v1", "kind": "DepPackage", "metadata": {"name": name, "namespace": namespace},
        "spec": {"pythonVersion": "3.12", "dependencies": ["idna", "six"], **spec},
    }  # fmt: skip
    users.kubectl("apply", "-f", "-", stdin=manifest)


def set_status(users: Users, name: str, status: dict[str, Any]) -> None:
    patch = ("--subresource=status", "--type=merge", f"--patch={json.dumps({'status': status})}")
    users.kubectl("patch", "deppackage", name, "-n", "team-a", *patch)


def page(api: Api, user: str, **query: str) -> DepPackageSummaryPage:
    with api.client(user) as client:
        answer = client.get("/dep-packages:summaries", params=query)
    assert answer.status_code == 200, answer.text
    return DepPackageSummaryPage.model_validate(answer.json())


def of(name: str, kind: str = "package") -> Callable[[Event], bool]:
    return lambda event: event.kind == kind and event.data.get("name") == name


def condition(kind: str, status: str, reason: str) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "lastTransitionTime": "2026-11-21T12:00:00Z"}


def test_a_package_in_few_words(api: Api) -> None:
    name = unique()
    make(api.users, name, displayName="Vision", suspend=True)
    new = next(one for one in page(api, "vera", namespace="team-a").items if one.name == name)
    assert (new.display_name, new.python_version, new.dependency_count) == ("Vision", "3.12", 2)
    assert (new.build_status, new.settled, new.suspended, new.slug) == ("PENDING", False, True, None)
    assert (new.package_size, new.outdated, new.queue_position) == (None, False, None)
    status = {
        "observedGeneration": 1, "slug": "AAAABBBB", "phase": "COMPLETED", "message": "word " * 200,
        "artifact": artifact_status("s3://b/k", b"PK"),
        "conditions": [condition("Ready", "True", "Built"), condition("Settled", "True", "Built")],
    }  # fmt: skip
    set_status(api.users, name, status)
    built = next(one for one in page(api, "vera", namespace="team-a").items if one.name == name)
    assert (built.slug, built.build_status, built.reason, built.settled) == ("AAAABBBB", "COMPLETED", "Built", True)
    assert (built.package_size, built.outdated) == (2, False)
    assert len(built.message) <= 240
    make(api.users, name, dependencies=["certifi"])
    changed = next(one for one in page(api, "vera", namespace="team-a").items if one.name == name)
    assert (changed.outdated, changed.settled, changed.package_size) == (True, False, 2)
    with api.client("vera") as client:
        assert client.get(f"/dep-packages/team-a/{name}").headers["etag"] == changed.etag


def test_pages_and_who_may_have_them(api: Api) -> None:
    for _ in range(3):
        make(api.users, unique())
    first = page(api, "alice", namespace="team-a", limit="2")
    assert len(first.items) == 2
    assert first.next_cursor
    second = page(api, "alice", namespace="team-a", limit="1000", cursor=first.next_cursor)
    assert second.next_cursor is None
    assert second.resource_version == first.resource_version
    assert not {one.id for one in first.items} & {one.id for one in second.items}
    with api.client("bob") as bob:
        assert bob.get("/dep-packages:summaries", params={"namespace": "team-a"}).json()["code"] == "NotFound"
        assert bob.get("/dep-packages:summaries").json()["code"] == "NamespaceRequired"
        assert bob.get("/dep-packages:watch", params={"namespace": "team-a"}).json()["code"] == "NotFound"
        assert bob.get("/dep-packages:watch").json()["code"] == "NamespaceRequired"


def test_what_happens_is_told_as_it_happens(api: Api) -> None:
    name = unique()
    with api.client("vera") as client, watching(client, namespace="team-a") as stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert stream.response.headers["x-accel-buffering"] == "no"
        assert stream.response.headers["cache-control"] == "no-store"
        assert stream.until(lambda event: event.kind == "synced")[-1].id
        make(api.users, name)
        new = DepPackageSummary.model_validate(stream.until(of(name))[-1].data)
        assert (new.namespace, new.build_status) == ("team-a", "PENDING")
        set_status(api.users, name, {"phase": "VALIDATING"})
        assert stream.until(of(name))[-1].data["build_status"] == "VALIDATING"
        api.users.kubectl("delete", "deppackage", name, "--namespace=team-a")
        gone = stream.until(of(name, "gone"))[-1]
        assert gone.data == {"id": new.id, "namespace": "team-a", "name": name}


def test_it_goes_on_where_a_list_or_an_event_was(api: Api) -> None:
    names = [unique() for _ in range(2)]
    since = page(api, "vera", namespace="team-a", limit="1").resource_version
    for name in names:
        make(api.users, name)
    with api.client("vera") as client:
        with watching(client, namespace="team-a", resource_version=since) as stream:
            first = stream.until(of(names[0]))[-1]
        with watching(client, namespace="team-a", resource_version=since, last_event_id=first.id) as stream:
            resumed = stream.until(of(names[1]))
    assert names[0] not in [event.data.get("name") for event in resumed]


def test_a_version_that_is_too_old_resets(api: Api) -> None:
    with api.client("vera") as client, watching(client, namespace="team-a", resource_version="1") as stream:
        last = stream.until(lambda event: event.kind == "reset")[-1]
        assert last.data["reason"] == "CursorExpired"
        assert stream.rest() == []


def test_others_see_nothing_of_it(api: Api) -> None:
    mine, theirs = unique(), unique()
    with api.client("bob") as client, watching(client, namespace="team-b") as stream:
        make(api.users, theirs)
        make(api.users, mine, namespace="team-b")
        told = stream.until(of(mine))
    assert theirs not in str(told)


def test_it_ends_with_the_right(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagy.adapters.kube.watches.changes.__defaults__", (1,))
    name = unique("once")
    api.users.create(name, views="team-a")
    with api.client(name) as client, watching(client, namespace="team-a") as stream:
        stream.until(lambda event: event.kind == "synced")
        api.users.kubectl("delete", "rolebinding", f"{name}-dagy-view", "--namespace=team-a")
        last = stream.until(lambda event: event.kind == "reset")[-1]
        assert last.data["reason"] == "NotFound"
        assert stream.rest() == []


def test_it_ends_with_the_token(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagy.adapters.kube.watches.changes.__defaults__", (1,))
    name = unique("gone")
    api.users.create(name, views="team-a")
    with api.client(name) as client, watching(client, namespace="team-a") as stream:
        stream.until(lambda event: event.kind == "synced")
        api.users.kubectl("delete", "serviceaccount", name)
        last = stream.until(lambda event: event.kind == "reset")[-1]
        assert last.data["reason"] == "Unauthenticated"


def test_one_user_has_so_many(api: Api) -> None:
    with api.client("vera") as client, ExitStack() as held:
        streams = [held.enter_context(watching(client, namespace="team-a")) for _ in range(WATCHES_EACH)]
        for stream in streams:
            stream.until(lambda event: event.kind == "synced")
        refused = client.get("/dep-packages:watch", params={"namespace": "team-a"})
        assert (refused.status_code, refused.json()["code"]) == (429, "TooManyRequests")
        assert client.get("/dep-packages:summaries", params={"namespace": "team-a"}).status_code == 200
    deadline = time.monotonic() + 30
    with api.client("vera") as client:  # what was left is free again, as soon as the server has noticed
        while True:
            with client.stream("GET", "/dep-packages:watch", params={"namespace": "team-a"}) as answer:
                if answer.status_code == 200:
                    return
            assert time.monotonic() < deadline
