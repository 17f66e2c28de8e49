"""Another site's page changes nothing, however its user is known to the API."""

from __future__ import annotations

import pytest

from tests.fakes.api import Api, unique

pytestmark = pytest.mark.apiserver


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
def test_a_change_for_another_site_is_refused(api: Api, headers: dict[str, str]) -> None:
    name = unique()
    body = {"name": name, "namespace": "team-a", "python_version": "3.12", "dependencies": ["idna"]}
    with api.client("alice", **headers) as client:
        answer = client.post("/dep-packages", json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "CrossOrigin")
        assert "another site" in answer.json()["detail"]
        assert client.get(f"/dep-packages/team-a/{name}").status_code == 404, "reading is free, and nothing was made"


def test_the_refusal_comes_before_the_body_and_the_token(api: Api) -> None:
    with api.client(None, **{"sec-fetch-site": "cross-site"}) as client:
        answer = client.post("/uploads", content=b"x" * 100_000)
    assert answer.status_code == 403
    assert answer.headers["connection"] == "close"
    assert answer.headers["cache-control"] == "no-store"


def test_the_consoles_own_page_may(api: Api) -> None:
    with api.client("alice", **{"sec-fetch-site": "same-origin"}) as client:
        answer = client.post("/dep-packages:parse", json={"text": "idna", "python_version": "3.12"})
    assert answer.status_code == 200
