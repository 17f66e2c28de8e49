"""The console's files: for everybody, never stale, and good for nothing but the console."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urljoin

import httpx
import pytest

from dagy.web.app import document
from dagy.web.console.site import page_below
from tests.fakes.api import Api


@pytest.mark.parametrize("prefix", ["/", "/tools/dagy/"])
@pytest.mark.parametrize("path", ["", "packages", "packages/team-a/etl", "packages/"])
def test_the_base_leads_to_the_console_whatever_stands_before_it(prefix: str, path: str) -> None:
    (base,) = re.findall(r'<base href="([./]+)">', page_below(path))
    assert urljoin(f"https://host{prefix}console/{path}", base) == f"https://host{prefix}console/"


def test_the_console_is_no_part_of_the_api() -> None:
    assert not [path for path in document()["paths"] if path.startswith("/console") or path == "/"]


@pytest.fixture
def anybody(api: Api) -> Iterator[httpx.Client]:
    with api.client(None) as client:
        yield client


@pytest.mark.apiserver
@pytest.mark.parametrize("path", ["/console/", "/console/packages/team-a/etl"])
def test_the_page_needs_no_token_and_is_never_kept(anybody: httpx.Client, path: str) -> None:
    answer = anybody.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.apiserver
def test_the_page_may_run_its_own_code_only(anybody: httpx.Client) -> None:
    headers = anybody.get("/console/").headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["form-action"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.apiserver
def test_what_the_page_loads_is_kept_for_ever_and_compressed(anybody: httpx.Client) -> None:
    loaded = re.findall(r'(?:src|href)="(assets/[^"]+)"', anybody.get("/console/").text)
    assert {name.rpartition(".")[2] for name in loaded} == {"js", "css", "svg"}
    for name in loaded:
        small = anybody.get(f"/console/{name}")
        plain = anybody.get(f"/console/{name}", headers={"accept-encoding": "identity"})
        assert small.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert small.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        assert small.content == plain.content


@pytest.mark.apiserver
def test_a_file_of_another_release_is_missing(anybody: httpx.Client) -> None:
    answer = anybody.get("/console/assets/app-0123456789ab.js")
    assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")


@pytest.mark.apiserver
@pytest.mark.parametrize("path", ["/", "/console"])
def test_shorter_addresses_lead_there_below_any_prefix(anybody: httpx.Client, path: str) -> None:
    answer = anybody.get(path)
    assert (answer.status_code, answer.headers["location"]) == (307, "console/")


@pytest.mark.apiserver
@pytest.mark.parametrize(
    "path", ["/console/../dep-packages", "/console/%2e%2e/dep-packages", "/console/x/../../dep-packages"]
)
def test_nothing_of_the_api_lies_below_it(api: Api, path: str) -> None:
    host, port = httpx.URL(api.url).host, httpx.URL(api.url).port
    answer = httpx.get(httpx.URL(scheme="http", host=host, port=port, raw_path=path.encode()))
    assert answer.headers["content-type"] != "application/json"
