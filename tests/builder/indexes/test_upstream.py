"""The way to an index: which proxy, and how far redirects lead."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dagy_builder.indexes.upstream import Upstream, UpstreamError
from dagy_builder.url import IndexUrl
from tests.cluster.doctor import free_port
from tests.fakes.index import Index, Release, serve


@pytest.fixture
def index() -> Iterator[Index]:
    with serve(Release("p", "1")) as running:
        yield running


def status(upstream: Upstream, url: str) -> int:
    answer, _, _ = upstream.fetch("GET", IndexUrl(url), {})
    answer.drain_conn()
    return answer.status


def test_given_proxies_count_and_their_exceptions(index: Index) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(UpstreamError):
        status(Upstream((), {"http": nowhere}), f"{index.url}p/")
    assert status(Upstream((), {"http": nowhere, "no": "example.com,127.0.0.1"}), f"{index.url}p/") == 200
    status(Upstream((), {"http": index.url.removesuffix("/simple/")}), "http://index.example/simple/p/")
    assert index.requests[-1] == "http://index.example/simple/p/"


def test_the_environment_counts_where_none_are_given(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(UpstreamError):
        status(Upstream(()), f"{index.url}p/")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert status(Upstream(()), f"{index.url}p/") == 200


def test_redirects_lead_to_other_hosts_only_where_they_may(index: Index) -> None:
    index.moved = {"/simple/p/": index.url.replace("127.0.0.1", "localhost") + "q/"}
    assert status(Upstream((), {}), f"{index.url}p/") == 404
    with pytest.raises(UpstreamError, match="redirects to another host, localhost"):
        status(Upstream((), {}, one_host=True), f"{index.url}p/")
