"""/dep-packages over a real API server, with the tokens of users who have different rights."""

from __future__ import annotations

from typing import Any

import pytest

from dagy.model.rest.packages import DepPackagePage, DepPackageResponse
from tests.fakes.api import Api, body, create, unique

pytestmark = pytest.mark.apiserver


def test_a_package_is_created_read_and_deleted(api: Api) -> None:
    name = unique("ml")
    with api.client("alice") as client:
        created = client.post("/dep-packages", json=body(namespace="team-a", display_name=f"ML {name}"))
        assert created.status_code == 201
        assert created.headers["location"] == f"/dep-packages/team-a/ml-{name}"
        package = DepPackageResponse.read(created.json())
        assert (package.name, package.build_status, package.settled) == (f"ml-{name}", "PENDING", False)
        again = client.get(created.headers["location"])
        assert again.headers["etag"] == created.headers["etag"] == package.etag
        assert client.delete(created.headers["location"]).status_code == 202
        gone = client.get(created.headers["location"])
    assert gone.status_code == 404
    assert gone.headers["content-type"] == "application/problem+json"
    assert gone.json()["code"] == "NotFound"


def test_repeated_names_are_stored_once_and_the_last_wins(api: Api) -> None:
    package = create(api, dependencies=["Scikit_Learn==1.0", "numpy", "scikit.learn>=1.3", "not a requirement!"])
    assert package.dependencies == ["numpy", "scikit-learn>=1.3".replace("-", "."), "not a requirement!"]


def test_a_retried_put_changes_nothing(api: Api) -> None:
    path = f"/dep-packages/team-a/{unique()}"
    with api.client("alice") as client:
        answers = [client.put(path, json=body(build={"timeout_seconds": 600})) for _ in range(3)]
    assert [a.status_code for a in answers] == [201, 200, 200]
    assert len({a.json()["id"] for a in answers}) == len({a.headers["etag"] for a in answers}) == 1
    assert answers[0].json()["build"]["timeout_seconds"] == 600


def test_a_lost_update_is_refused(api: Api) -> None:
    path = f"/dep-packages/team-a/{unique()}"
    with api.client("alice") as client:
        first = client.put(path, json=body())
        mine = {"If-Match": first.headers["etag"]}
        theirs = client.put(path, json=body(dependencies=["certifi"]), headers=mine)
        lost = client.put(path, json=body(dependencies=["six"]), headers=mine)
        assert (theirs.status_code, lost.status_code) == (200, 412)
        assert lost.headers["etag"] == theirs.headers["etag"]
        assert theirs.headers["etag"] in lost.json()["detail"]
        assert client.patch(path, json={"dependencies": ["six"]}, headers=mine).status_code == 412
        assert client.delete(path, headers=mine).status_code == 412
        assert client.get(path).json()["dependencies"] == ["certifi"]
        known = {"If-Match": theirs.headers["etag"]}
        assert client.patch(path, json={"dependencies": ["six"]}, headers=known).status_code == 200
        assert client.put(f"{path}x", json=body(), headers=mine).status_code == 412


def test_what_get_gives_put_takes(api: Api) -> None:
    path = f"/dep-packages/team-a/{unique()}"
    whole = body(
        display_name="All", description="d", build_policy="Manual", suspend=True, revision_history_limit=1,
        platform={"architecture": "arm64", "glibc": "2.31"}, index={"url": "https://index.example/simple"},
        source_distributions="Allow", exclude_newer="2026-01-01T00:00:00Z", deletion_policy="Retain",
        build={"timeout_seconds": 60, "resources": {"limits": {"memory": "1Gi", "ephemeral_storage": "2Gi"}}},
    )  # fmt: skip
    with api.client("alice") as client:
        created = client.put(path, json=whole).json()
        assert {k: created[k] for k in whole if k not in ("platform", "index", "build")} == {
            k: whole[k] for k in whole if k not in ("platform", "index", "build")
        }
        assert created["build"]["resources"]["limits"]["ephemeral_storage"] == "2Gi"
        again = client.put(path, json={k: created[k] for k in whole})
        assert (again.status_code, again.headers["etag"]) == (200, created["etag"])
        patched = client.patch(path, json={"suspend": False, "index": None, "build": {"retries": 0}}).json()
    assert (patched["suspend"], patched["index"], patched["build"]["retries"]) == (False, None, 0)
    assert patched["build"]["timeout_seconds"] == 60
    assert patched["description"] == "d"


REFUSED = [
    ("201 dependencies", {"dependencies": [f"p{i}" for i in range(201)]}, "a package holds 1 to 200 dependencies"),
    ("none", {"dependencies": []}, "a package holds 1 to 200 dependencies"),
    ("credentials in an index", {"index": {"url": "https://u:p@h/"}}, "must not carry credentials"),
    ("another Python", {"python_version": "3.9"}, "python_version"),
    ("a misspelled field", {"dependancies": []}, "dependancies"),
    ("a misspelled field inside", {"build": {"timeout": 1}}, "build.timeout"),
    ("a bad name", {"name": "A_b"}, "name"),
]


@pytest.mark.parametrize(("fields", "says"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_is_refused_says_why(api: Api, fields: dict[str, Any], says: str) -> None:
    with api.client("alice") as client:
        answer = client.post("/dep-packages", json={**body(namespace="team-a", name=unique()), **fields})
    assert (answer.status_code, answer.json()["code"]) == (422, "InvalidRequest")
    assert says in answer.json()["detail"]
    assert answer.json()["errors"]


def test_a_name_that_is_taken_says_how_to_update(api: Api) -> None:
    package = create(api)
    with api.client("alice") as client:
        answer = client.post("/dep-packages", json=body(namespace="team-a", name=package.name))
    assert (answer.status_code, answer.json()["code"]) == (409, "AlreadyExists")
    assert f"PUT /dep-packages/team-a/{package.name}" in answer.json()["detail"]


def test_without_an_accepted_token_nothing_is_answered(api: Api) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer"},
    ):
        with api.client(None, **headers) as client:
            for method, path in [
                ("GET", "/dep-packages"),
                ("GET", "/dep-packages/team-a/x"),
                ("DELETE", "/dep-packages/team-a/x"),
            ]:
                answer = client.request(method, path)
                assert answer.status_code == 401, (headers, path, answer.text)
                assert answer.headers["www-authenticate"].startswith("Bearer")
            parse = client.post("/dep-packages:parse", json={"text": "x", "python_version": "3.12"})
            assert parse.status_code == 401, headers


def test_users_see_and_touch_only_their_own(api: Api) -> None:
    package = create(api)
    path = f"/dep-packages/team-a/{package.name}"
    with api.client("bob") as bob:
        there, not_there = bob.get(path), bob.get(f"{path}-x")
        assert there.status_code == not_there.status_code == 404
        assert there.json()["detail"].replace(package.name, "N") == not_there.json()["detail"].replace(
            f"{package.name}-x", "N"
        )
        for method, extra in (("PUT", body()), ("PATCH", {"suspend": True}), ("DELETE", None)):
            assert bob.request(method, path, json=extra).status_code == 404
        for verb in ("validate", "build", "refresh", "cancel"):
            assert bob.post(f"{path}:{verb}").status_code == 404
        assert bob.post("/dep-packages", json=body(namespace="team-a", name=unique())).status_code == 404
        missing = bob.post("/dep-packages", json=body(namespace="no-such", name=unique()))
        assert missing.status_code == 404
        assert bob.get("/dep-packages", params={"namespace": "team-a"}).status_code == 404
        everywhere = bob.get("/dep-packages")
        assert (everywhere.status_code, everywhere.json()["code"]) == (403, "NamespaceRequired")
        assert package.name not in bob.get("/dep-packages", params={"namespace": "team-b"}).text
    with api.client("vera") as vera:
        assert vera.get(path).status_code == 200
        for answer in (
            vera.put(path, json=body(dependencies=["x"])),
            vera.patch(path, json={"suspend": True}),
            vera.delete(path),
            vera.post(f"{path}:build"),
            vera.post("/dep-packages", json=body(namespace="team-a", name=unique())),
        ):
            assert (answer.status_code, answer.json()["code"]) == (403, "Forbidden")
            assert "role dagy-package-edit." in answer.json()["detail"]
    with api.client("alice") as alice:
        assert alice.get(path).json()["etag"] == package.etag


def test_lists_filter_search_and_page(api: Api, users: Any) -> None:
    mark = unique("needle")
    made = sorted(
        create(api, description=f"has {mark}", python_version="3.11" if i % 2 else "3.12").name for i in range(7)
    )
    create(api)
    with api.client("alice") as client:
        seen, cursor = [], ""
        while True:
            answer = client.get(
                "/dep-packages", params={"namespace": "team-a", "search": f"{mark} HAS", "limit": 3, "cursor": cursor}
            )
            page = DepPackagePage.read(answer.json())
            assert len(page.items) <= 3
            seen += [p.name for p in page.items]
            cursor = page.next_cursor or ""
            if not cursor:
                break
        assert seen == made
        filtered = client.get(
            "/dep-packages", params={"namespace": "team-a", "search": mark, "python_version": "3.11"}
        ).json()
        assert len(filtered["items"]) == 3
        none = client.get("/dep-packages", params={"namespace": "team-a", "search": mark, "phase": "COMPLETED"}).json()
        assert none == {"items": [], "next_cursor": None}
        every, cursor = [], ""
        while True:
            plain = client.get("/dep-packages", params={"namespace": "team-a", "limit": 2, "cursor": cursor}).json()
            every += [p["name"] for p in plain["items"]]
            cursor = plain["next_cursor"] or ""
            if not cursor:
                break
        assert len(every) == len(set(every)) >= 8
        assert client.get("/dep-packages", params={"cursor": "rubbish"}).status_code == 422


def test_requests_become_annotations(api: Api, users: Any) -> None:
    package = create(api)
    path = f"/dep-packages/team-a/{package.name}"
    with api.client("alice") as client:
        for verb in ("validate", "build", "refresh", "cancel"):
            answer = client.post(f"{path}:{verb}", params={"token": f"t-{verb}"})
            assert (answer.status_code, answer.json()["token"]) == (202, f"t-{verb}")
            assert answer.json()["id"] == package.id
        first, second = (client.post(f"{path}:build").json()["token"] for _ in range(2))
    assert first != second
    annotations = users.kubectl("get", "dp", package.name, "-n", "team-a", "-o", "jsonpath={.metadata.annotations}")
    assert '"dagy.io/cancel":"t-cancel"' in annotations
    assert f'"dagy.io/build":"{second}"' in annotations


def test_a_package_is_found_by_its_slug(api: Api, users: Any) -> None:
    package = create(api)
    slug = "R" + unique("")[1:8].upper()
    claim = {"apiVersion": "dagy.io/v1", "kind": "SlugClaim", "metadata": {"name": slug.lower()},
             "spec": {"slug": slug, "namespace": "team-a", "name": package.name}}  # fmt: skip
    users.kubectl("create", "-f", "-", stdin=claim)
    with api.client("alice") as client:
        assert client.get(f"/dep-packages/by-slug/{slug}").status_code == 404  # claimed, not yet in status
        users.kubectl(
            "patch",
            "dp",
            package.name,
            "-n",
            "team-a",
            "--subresource=status",
            "--type=merge",
            "-p",
            f'{{"status":{{"slug":"{slug}"}}}}',
        )
        found = client.get(f"/dep-packages/by-slug/{slug}")
        assert (found.status_code, found.json()["name"], found.json()["slug"]) == (200, package.name, slug)
        assert client.get("/dep-packages/by-slug/NOSUCH00").status_code == 404
    with api.client("bob") as client:
        hidden = client.get(f"/dep-packages/by-slug/{slug}")
    assert hidden.status_code == 404
    assert "team-a" not in hidden.text


def test_parsing_merges_with_the_choices_that_are_made(api: Api) -> None:
    request = {
        "text": "Flask==3.0\nnumpy>=2\n-r more.txt\nbad==\nnew-one\n",
        "python_version": "3.12",
        "existing": ["flask==2.0", "numpy==1.26"],
        "resolutions": {"NumPy": "use"},
    }
    with api.client("nobody") as client:
        parsed = client.post("/dep-packages:parse", json=request).json()
        assert [d["requirement"] for d in parsed["dependencies"]] == ["flask==2.0", "numpy>=2", "new-one"]
        assert parsed["summary"] == {"kept": 1, "skipped": 1, "conflicts": 2, "errors": 1, "too_many": 0}
        assert [line["outcome"] for line in parsed["lines"]] == ["conflict", "conflict", "skipped", "error", "kept"]
        wrong = client.post("/dep-packages:parse", json={**request, "existing": ["-e ."]})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "existing[0]")


def test_a_body_that_is_too_large_is_refused(api: Api) -> None:
    with api.client("alice") as client:
        announced = client.post("/dep-packages:parse", content=b"x" * (5 << 20))
        streamed = client.post(
            "/dep-packages:parse",
            content=(b"x" * (1 << 20) for _ in range(5)),
            headers={"Content-Type": "application/json"},
        )
    assert [a.status_code for a in (announced, streamed)] == [413, 413]
    assert announced.json()["code"] == streamed.json()["code"] == "TooLarge"
