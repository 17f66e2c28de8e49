"""Links of an index's pages, in HTML and in JSON."""

from __future__ import annotations

import pytest

from dagy_builder.indexes.page import with_other_links
from dagy_builder.url import IndexUrl


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
    here = IndexUrl("https://h/simple/a/")
    told = with_other_links(page, kind, "a", lambda url: found.append(str(here.leads_to(url))) or url)  # type: ignore[func-returns-value]
    assert found == urls
    assert len(told["files"]) == len(urls)  # type: ignore[arg-type]


def test_files_whose_links_are_refused_are_left_out() -> None:
    page = b'{"files": [{"filename": "a", "url": "bad"}, {"filename": "b", "url": "good"}]}'
    told = with_other_links(page, "application/json", "a", lambda url: None if url == "bad" else "http://gateway/b")
    assert told["files"] == [{"filename": "b", "url": "http://gateway/b"}]


@pytest.mark.parametrize("page", [b"[]", b"null", b"{}", b'{"files": [{}]}', b"nonsense", b'{"files": 1}'])
def test_pages_that_are_none(page: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        with_other_links(page, "application/json", "a", lambda url: url)
