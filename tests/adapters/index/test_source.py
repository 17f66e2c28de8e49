"""What is asked of the configured index, over HTTP, and what becomes of answers that are none."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dagy.adapters.index import source as module
from dagy.adapters.index.source import IndexAwayError, IndexPlace, IndexSource, NoListError
from tests.cluster.doctor import free_port
from tests.fakes.index import Index, Release, serve

PANDAS = [Release("pandas", "2.0"), Release("pandas", "2.1", yanked="broken")]


@pytest.fixture
def index() -> Iterator[Index]:
    with serve(*PANDAS) as running:
        running.names = ["NumPy", "scikit_learn"]
        running.speaks_json = True
        yield running


def source_of(index: Index, **more: object) -> IndexSource:
    return IndexSource(IndexPlace(index.url, proxies={}, **more), "dagy-test")  # type: ignore[arg-type]


@pytest.mark.parametrize("speaks_json", [True, False])
def test_names_and_pages_in_both_forms(index: Index, speaks_json: bool) -> None:
    index.speaks_json = speaks_json
    source = source_of(index)
    names = source.names()
    assert names
    assert [names.value[place] for place in range(len(names.value))] == ["numpy", "pandas", "scikit-learn"]
    page = source.page("pandas")
    assert page
    assert page.value
    assert sorted(str(file.version) for file in page.value.files) == ["2.0", "2.1"]
    assert index.agents == {"dagy-test"}


def test_what_is_unchanged_is_not_sent_again(index: Index) -> None:
    index.etags = True
    source = source_of(index)
    names, page = source.names(), source.page("pandas")
    assert names
    assert page
    assert names.etag
    assert source.names(names.etag) is None
    assert source.page("pandas", page.etag) is None
    index.names = [*(index.names or ()), "new"]
    assert source.names(names.etag) is not None


def test_a_project_that_is_not_there(index: Index) -> None:
    found = source_of(index).page("nothing")
    assert found
    assert found.value is None


@pytest.mark.parametrize("status", [401, 403, 404, 410, 405])
def test_an_index_without_a_list(index: Index, status: int) -> None:
    index.status = status
    with pytest.raises(NoListError, match=str(status)):
        source_of(index).names()


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_index_in_trouble(index: Index, status: int) -> None:
    index.status = status
    source = source_of(index)
    with pytest.raises(IndexAwayError, match=str(status)):
        source.names()
    with pytest.raises(IndexAwayError, match=str(status)):
        source.page("pandas")


def test_no_index_at_all() -> None:
    source = IndexSource(IndexPlace(f"http://127.0.0.1:{free_port()}/simple", proxies={}), "dagy-test")
    for ask in (source.names, lambda: source.page("pandas")):
        with pytest.raises(IndexAwayError, match="gives no answer: Connection refused"):
            ask()


def test_another_host_is_not_followed(index: Index) -> None:
    """It might be one inside the cluster, which only the API can reach."""
    with serve(*PANDAS) as other:
        other.names = ["secret"]
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        index.moved = {"/simple/": elsewhere, "/simple/pandas/": f"{elsewhere}pandas/"}
        source = source_of(index)
        for ask in (source.names, lambda: source.page("pandas")):
            with pytest.raises(IndexAwayError, match="redirects to another host, localhost"):
                ask()
        assert other.requests == []


def test_the_same_host_is_followed(index: Index) -> None:
    index.moved = {"/simple/pandas/": "/simple/Pandas/"}
    found = source_of(index).page("pandas")
    assert found
    assert found.value


def test_credentials_are_read_anew_and_never_told(index: Index, tmp_path: Path) -> None:
    index.password = "correct-horse"
    folder = tmp_path / "0_dagy-index"
    folder.mkdir()
    source = source_of(index, credentials=tmp_path)
    with pytest.raises(NoListError, match="401"):
        source.names()
    for key, value in {"url": index.url, "username": "ci", "password": "correct-horse"}.items():
        (folder / key).write_text(value)
    assert source.names()
    (folder / "password").write_text("battery-staple")
    with pytest.raises(NoListError) as refused:
        source.names()
    assert "battery" not in str(refused.value)


def endless(piece: bytes) -> Callable[[], Iterator[bytes]]:
    def body() -> Iterator[bytes]:
        while True:
            yield piece

    return body


def bomb() -> Iterator[bytes]:
    yield gzip.compress(b'{"projects":[' + b" " * 50_000_000)


@pytest.mark.parametrize("path", ["/simple/", "/simple/pandas/"])
def test_endless_answers_have_an_end(index: Index, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LIST_BYTES", 5_000_000)
    monkeypatch.setattr(module, "_PAGE_BYTES", 5_000_000)
    index.raw = {path: endless(b'{"projects":[{"name":"a"},' * 1000)}
    index.raw_headers = {"Content-Type": "application/json"}
    source = source_of(index)
    with pytest.raises((NoListError, IndexAwayError), match="larger than 5 MB"):
        source.names() if path == "/simple/" else source.page("pandas")


def test_an_answer_that_unpacks_to_very_much(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAGE_BYTES", 5_000_000)
    index.raw = {"/simple/pandas/": bomb}
    index.raw_headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    with pytest.raises(IndexAwayError, match="larger than 5 MB"):
        source_of(index).page("pandas")


def test_an_answer_that_comes_slowly(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LIST_SECONDS", 0.2)

    def slow() -> Iterator[bytes]:
        for _ in range(100):
            time.sleep(0.05)
            yield b'{"name":"a"},'

    index.raw = {"/simple/": slow}
    index.raw_headers = {"Content-Type": "application/json"}
    with pytest.raises(NoListError, match="too slowly"):
        source_of(index).names()


def test_packed_lists_are_read(index: Index) -> None:
    index.raw = {"/simple/": lambda: iter([gzip.compress(b'{"projects":[{"name":"packed"}]}')])}
    index.raw_headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    names = source_of(index).names()
    assert names
    assert names.value.has("packed")


@pytest.mark.parametrize(
    "body", [b"", b"\x00\x01", b"[]", b'{"files":7}', b'{"files":[{"filename":7}]}', b"[" * 100_000, b'{"files":{}}']
)
def test_pages_that_are_none(index: Index, body: bytes) -> None:
    index.raw = {"/simple/pandas/": lambda: iter([body])}
    index.raw_headers = {"Content-Type": "application/json"}
    try:
        found = source_of(index).page("pandas")
    except IndexAwayError as error:
        assert "can't be read" in str(error)  # noqa: PT017
    else:
        assert found
        assert found.value
        assert found.value.files == []


@pytest.mark.parametrize("header", ['"\x1b[31m"', '"' + "a" * 9999 + '"'])
def test_marks_that_can_not_be_sent_back_are_forgotten(index: Index, header: str) -> None:
    index.raw = {"/simple/": lambda: iter([b'{"projects":[{"name":"a"}]}'])}
    index.raw_headers = {"Content-Type": "application/json", "ETag": header}
    names = source_of(index).names()
    assert names
    assert names.etag == ""


@pytest.mark.parametrize("url", ["", "pypi.org/simple", "file:///etc", "https://u:p@h/simple", "https://h/../x"])
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        IndexSource(IndexPlace(url), "dagy-test")
