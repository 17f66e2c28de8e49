"""What a browser sends for a page of another site is told from what it sends for ours, and from other clients."""

from __future__ import annotations

import pytest

from dagy.core.rest.origin import SAFE_METHODS, is_foreign

HOST = {"host": "dagy.example:8443"}
FOREIGN = {
    "another site": {"sec-fetch-site": "cross-site"},
    "another host of the site": {"sec-fetch-site": "same-site"},
    "a form that somebody opened": {"sec-fetch-site": "none"},
    "another site over HTTP": {"origin": "http://evil.example"},
    "another port": {"origin": "http://dagy.example"},
    "a sandboxed frame": {"origin": "null"},
    "another site that calls itself ours": {"sec-fetch-site": "cross-site", "origin": "https://dagy.example:8443"},
}
OURS = {
    "the console": {"sec-fetch-site": "same-origin"},
    "the console behind a proxy that renames the host": {
        "sec-fetch-site": "same-origin",
        "origin": "https://dagy.public",
    },
    "the console over HTTP": {"origin": "http://DAGY.example:8443"},
    "no browser": {},
}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_changes_for_another_site_are_foreign(headers: dict[str, str], method: str) -> None:
    assert is_foreign(method, {**HOST, **headers})


@pytest.mark.parametrize("headers", OURS.values(), ids=OURS)
def test_the_console_and_other_clients_are_not(headers: dict[str, str]) -> None:
    assert not is_foreign("POST", {**HOST, **headers})


@pytest.mark.parametrize("method", sorted(SAFE_METHODS))
def test_what_changes_nothing_is_not(method: str) -> None:
    assert not is_foreign(method, {**HOST, "sec-fetch-site": "cross-site"})
