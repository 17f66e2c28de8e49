"""Packages that are created once, however often that is asked for, and what is told of their state."""

from __future__ import annotations

import json

import pytest

from dagy.model.rest.packages import DepPackageResponse
from tests.fakes.api import Api, body, create, unique

pytestmark = pytest.mark.apiserver


def test_a_creation_that_would_replace_is_refused(api: Api) -> None:
    path = f"/dep-packages/team-a/{unique()}"
    with api.client("alice", **{"If-None-Match": "*"}) as client:
        first = client.put(path, json=body())
        second = client.put(path, json=body(dependencies=["six"]))
        assert (first.status_code, second.status_code) == (201, 412)
        assert second.headers["etag"] == first.headers["etag"]
        assert second.json()["code"] == "PreconditionFailed"
        both = client.put(path, json=body(), headers={"If-Match": first.headers["etag"]})
        assert both.status_code == 412
        assert client.put(path, json=body(), headers={"If-None-Match": '"x"'}).status_code == 422
        assert client.get(path).json()["dependencies"] == ["idna"]
    with api.client("vera", **{"If-None-Match": "*"}) as client:
        assert client.put(f"{path}-x", json=body()).json()["code"] == "Forbidden"
    with api.client("bob", **{"If-None-Match": "*"}) as client:
        assert client.put(path, json=body()).json()["code"] == "NotFound", "whether it exists is not told"


def test_a_lost_answer_makes_no_second_package(api: Api) -> None:
    mine, other = {"Idempotency-Key": unique("key")}, {"Idempotency-Key": unique("key")}
    wish = body(namespace="team-a", display_name=unique("Twice"))
    with api.client("alice") as client:
        first, again = (
            client.post("/dep-packages", json=wish, headers=mine),
            client.post("/dep-packages", json=wish, headers=mine),
        )
        assert (first.status_code, again.status_code) == (201, 201)
        assert again.json()["id"] == first.json()["id"]
        path = first.headers["location"]
        assert again.headers["location"] == path
        for headers in ({}, other):
            assert client.post("/dep-packages", json=wish, headers=headers).json()["code"] == "AlreadyExists"
        put = {"If-None-Match": "*"}
        assert client.put(path, json=body(), headers={**put, **mine}).json()["id"] == first.json()["id"]
        assert client.put(path, json=body(), headers={**put, **other}).status_code == 412
        assert client.post("/dep-packages", json=wish, headers={"Idempotency-Key": "a b"}).status_code == 422
    name = path.rpartition("/")[2]
    api.users.create(name, edits="team-a")
    with api.client(name) as client:
        answer = client.post("/dep-packages", json={**wish, "name": name}, headers=mine)
        assert answer.json()["code"] == "AlreadyExists", "a key is its sender's"
    written = api.users.kubectl("get", "deppackage", name, "-n", "team-a", "-o", "jsonpath={.metadata.annotations}")
    assert mine["Idempotency-Key"] not in written


def test_the_state_that_is_spoken_of_is_told(api: Api) -> None:
    package = create(api)
    assert (package.generation, package.observed_generation) == (1, -1)
    assert package.spec_hash is package.lock_hash is package.managed_by is None
    status = {"observedGeneration": 1, "specHash": "a" * 64, "lockHash": "b" * 64}
    patch = f"--patch={json.dumps({'status': status})}"
    api.users.kubectl(
        "patch", "deppackage", package.name, "-n", "team-a", "--subresource=status", "--type=merge", patch
    )
    label = "kustomize.toolkit.fluxcd.io"
    api.users.kubectl(
        "label", "deppackage", package.name, "-n", "team-a", f"{label}/name=apps", f"{label}/namespace=flux-system"
    )
    with api.client("vera") as client:
        found = DepPackageResponse.read(client.get(f"/dep-packages/team-a/{package.name}").json())
    assert (found.spec_hash, found.lock_hash, found.observed_generation) == ("a" * 64, "b" * 64, 1)
    assert found.managed_by == "Flux Kustomization flux-system/apps"
