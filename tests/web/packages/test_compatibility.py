"""Whether packages can be attached together: the webhook's own rules, for packages that the caller may see."""

from __future__ import annotations

from typing import Any

import pytest

from dagy.client import Client, NotFoundError
from dagy.model.rest.compatibility import Compatibility
from dagy_builder.storage.store import ObjectStore
from tests.fakes.api import Api, unique
from tests.fakes.artifacts import Built, archive, lock

pytestmark = pytest.mark.apiserver


def built(api: Api, objects: ObjectStore, version: str, *, path: str = "", **more: Any) -> Built:
    """A package with that numpy, and a file of that path with content of its own."""
    package = Built(api.users, objects, slug=unique("").upper()[1:].ljust(8, "Q")[:8], **more)
    package.add(archive({path or f"{package.slug}.py": package.slug.encode()}), lock(numpy=version))
    return package


def ask(api: Api, *packages: str, user: str = "vera") -> Any:
    with api.client(user) as client:
        return client.get("/dep-packages:compatibility", params={"package": packages})


def test_what_fits_is_pinned_in_the_order_of_precedence(api: Api, objects: ObjectStore) -> None:
    one, other = built(api, objects, "2.0"), built(api, objects, "2.0")
    found = Compatibility.read(ask(api, other.slug, one.slug).json())
    assert (found.compatible, found.reason) == (True, None)
    assert [(p.slug, p.sha256) for p in found.packages] == [(p.slug, p.known[0]["sha256"]) for p in (other, one)]
    assert f"{other.slug}" in found.warnings[0], "the operator has not said that it is COMPLETED"
    pinned = f"{one.slug}@{one.known[0]['sha256']}"
    assert Compatibility.read(ask(api, pinned).json()).warnings == []


def test_two_versions_and_two_files_are_told(api: Api, objects: ObjectStore) -> None:
    old, new = built(api, objects, "1.0"), built(api, objects, "2.0")
    found = Compatibility.read(ask(api, old.slug, new.slug).json())
    assert (found.compatible, found.reason, found.packages) == (False, "VersionConflict", [])
    assert f"team-a/{old.name} ({old.slug}) brings numpy 1.0 and team-a/{new.name} ({new.slug}) brings" in found.message
    one, other = built(api, objects, "1.0", path="same.py"), built(api, objects, "1.0", path="same.py")
    assert Compatibility.read(ask(api, one.slug, other.slug).json()).reason == "FileConflict"


def test_nothing_is_told_of_what_one_may_not_see(api: Api, objects: ObjectStore) -> None:
    mine, theirs = built(api, objects, "1.0"), built(api, objects, "2.0", namespace="team-b")
    refused, unknown = ask(api, mine.slug, theirs.slug), ask(api, mine.slug, "ZZZZZZZZ")
    assert (refused.status_code, unknown.status_code) == (404, 404)
    assert refused.text.replace(theirs.slug, "ZZZZZZZZ") == unknown.text
    assert ask(api, mine.slug, "nonsense").status_code == 422
    assert ask(api).status_code == 422


def test_through_the_client(api: Api, objects: ObjectStore) -> None:
    package = built(api, objects, "1.0")
    with Client(api.url, token=api.users.token("vera"), namespace="team-a") as client:
        assert client.packages.compatibility([package.slug]).compatible
        assert client.packages.pylock(package.name, package.known[0]["sha256"]) == lock(numpy="1.0")
        with pytest.raises(NotFoundError):
            client.packages.compatibility([package.slug, "ZZZZZZZZ"])
