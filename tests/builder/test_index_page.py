"""Links of an index's pages, in HTML and in JSON."""

from __future__ import annotations

import pytest

from dagy_builder.index_page import with_other_links


@pytest.mark.parametrize(
    ("page", "kind", "urls"),
    [
        (b'<a href="../../f/a-1.whl#sha256=ab">a</a>', "text/html", ["https://h/f/a-1.whl"]),
        (b'<a href="/f/a-1.whl">a</a>', "text/html", ["https://h/f/a-1.whl"]),
        (b'<base href="https://cdn/x/"><a href="a-1.whl">a</a>', "text/html", ["https://cdn/x/a-1.whl"]),
        (
            b'{"files": [{"filename": "a-1.whl", "url": "../a-1.whl"}]}',
            "application/json",
            ["https://h/simple/a-1.whl"],
        ),
        (b'{"files": []}', "application/vnd.pypi.simple.v1+json", []),
    ],
)
def test_links_of_pages(page: bytes, kind: str, urls: list[str]) -> None:
    found: list[str] = []
    with_other_links(page, kind, "https://h/simple/a/", lambda url: found.append(url) or url)  # type: ignore[func-returns-value]
    assert [url.partition("#")[0] for url in found] == urls


@pytest.mark.parametrize("page", [b"[]", b"null", b"{}", b'{"files": [{}]}', b"nonsense", b'{"files": 1}'])
def test_pages_that_are_none(page: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        with_other_links(page, "application/json", "https://h/simple/a/", lambda url: url)
