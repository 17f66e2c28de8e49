"""Asking the index that the operator's administrator has configured, and no other: no URL of a user comes here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

import urllib3
from urllib3.response import BaseHTTPResponse

from dagy.core.index.names import IndexNames, NotAListError
from dagy_builder.indexes.credentials import Credential, read_credentials
from dagy_builder.indexes.page import IndexPage, page_of
from dagy_builder.indexes.upstream import UnreadablePageError, Upstream, UpstreamError, cause_of, chunks_of, read_page
from dagy_builder.redact import one_line
from dagy_builder.url import IndexUrl

T = TypeVar("T")

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_TIMEOUT = urllib3.Timeout(connect=5, read=20)
_LIST_SECONDS, _LIST_BYTES = 60.0, 200_000_000
_PAGE_SECONDS, _PAGE_BYTES = 20.0, 16_000_000
"""The largest pages of PyPI have some 10 MB; Python's objects take ten times as much while one is read."""
_GONE = (404, 410)
_ETAG_CHARACTERS = 256


class IndexAwayError(Exception):
    """The index gives no answer, or none that is of use now; the text is a sentence for people."""


class NoListError(Exception):
    """The index answers, but with no list of its names that can be had; the text is a sentence for people."""


@dataclass(frozen=True)
class Fetched(Generic[T]):
    """What the index has, and by which mark it tells that this is unchanged."""

    value: T
    etag: str = ""


@dataclass(frozen=True)
class IndexPlace:
    """Where the index is, and the way to it."""

    url: str
    credentials: Path | None = None
    """A folder as `read_credentials` reads it; it is read each time, because a mounted Secret changes."""
    proxies: Mapping[str, str] | None = None
    """URLs by scheme; under "no" the hosts that are reached without one. None: the environment's."""


class IndexSource:
    """Requests to one index. They block, each for a bounded time, and are safe for threads."""

    def __init__(self, place: IndexPlace, user_agent: str, on_answer: Callable[[bool], None] = lambda _: None) -> None:
        """Raises ValueError when the URL can't be read. `on_answer` hears whether a request had an answer of use."""
        self._place, self._base, self._on_answer = place, IndexUrl(place.url), on_answer
        self._headers = {"Accept": _ACCEPT, "Accept-Encoding": "gzip", "User-Agent": user_agent}
        self._opening, self._parsing = Lock(), Lock()
        self._upstream: tuple[list[Credential], Upstream] | None = None

    def names(self, etag: str = "") -> Fetched[IndexNames] | None:
        """Return all names; None when they are those of the ETag. Raises IndexAwayError and NoListError."""
        deadline = time.monotonic() + _LIST_SECONDS
        with self._answer(self._base.folder, etag) as answer:
            if answer.status == 304:
                return None
            if answer.status == 429 or answer.status >= 500:
                raise IndexAwayError(f"The package index answers HTTP {answer.status} for the list of its names.")
            if answer.status != 200:
                raise NoListError(f"The package index gives no list of its names (HTTP {answer.status}).")
            try:
                kind = answer.headers.get("Content-Type", "")
                found = IndexNames.from_chunks(chunks_of(answer, deadline, _LIST_BYTES), kind)
            except (NotAListError, UnreadablePageError) as error:
                raise NoListError(f"The package index gives no list of its names that can be read: {error}.") from error
            return Fetched(found, _etag(answer))

    def page(self, name: str, etag: str = "") -> Fetched[IndexPage | None] | None:
        """Return the page of a project (normalized name), without one when there is no such project.

        None when it is that of the ETag. Raises IndexAwayError.
        """
        deadline = time.monotonic() + _PAGE_SECONDS
        with self._answer(f"{self._base.folder}{name}/", etag) as answer:
            if answer.status == 304:
                return None
            if answer.status in _GONE:
                return Fetched(None)
            if answer.status != 200:
                raise IndexAwayError(f"The package index answers HTTP {answer.status} for {name}.")
            body = read_page(answer, deadline, _PAGE_BYTES)
            with self._parsing:  # one at a time: it takes memory
                page = page_of(name, body, answer.headers.get("Content-Type", ""))
            if page is None:
                raise IndexAwayError(f"The package index's page of {name} can't be read.")
            return Fetched(page, _etag(answer))

    @contextmanager
    def _answer(self, path: str, etag: str) -> Iterator[BaseHTTPResponse]:
        """As `_asked`, with the end of the request told."""
        answered = False
        try:
            with self._asked(path, etag) as answer:
                yield answer
            answered = True
        finally:
            self._on_answer(answered)

    @contextmanager
    def _asked(self, path: str, etag: str) -> Iterator[BaseHTTPResponse]:
        """The answer, its body unread. Raises IndexAwayError, whatever goes wrong while it is read."""
        url = IndexUrl(f"{self._base.scheme}://{self._base.authority}{path}")
        headers = {**self._headers, **({"If-None-Match": etag} if etag else {})}
        upstream = self._connected()
        try:
            answer, _, _ = upstream.fetch("GET", url, headers, _TIMEOUT)
            try:
                yield answer
            finally:
                answer.close()  # what is unread of it may be endless
        except (UpstreamError, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            cause = str(error) if isinstance(error, UpstreamError) else cause_of(error)
            shown = one_line(upstream.masked(cause), 200)
            raise IndexAwayError(f"The package index at {url.host} gives no answer: {shown}.") from error

    def _connected(self) -> Upstream:
        credentials = read_credentials(self._place.credentials)[0] if self._place.credentials else []
        with self._opening:
            if self._upstream is None or self._upstream[0] != credentials:
                self._upstream = credentials, Upstream(credentials, self._place.proxies, one_host=True)
            return self._upstream[1]


def _etag(answer: BaseHTTPResponse) -> str:
    """An ETag that can be sent back."""
    etag = answer.headers.get("ETag", "")
    return etag if etag.isascii() and etag.isprintable() and len(etag) <= _ETAG_CHARACTERS else ""
