"""Questions to the indexes of a request about a package's files: only to explain a failure, so never for long."""

from __future__ import annotations

import time
from collections.abc import Sequence

import urllib3
from packaging.utils import canonicalize_name

from dagy_builder.indexes.page import IndexFile, files_of
from dagy_builder.indexes.upstream import Upstream, UpstreamError, read_page
from dagy_builder.url import IndexUrl

_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
_MAX_SECONDS = 8.0
_GONE = (404, 410)


class IndexClient:
    """The indexes of one request, in the order in which they are asked; the first one that knows a name wins."""

    def __init__(self, urls: Sequence[str], *, direct: bool = False) -> None:
        """`direct` takes no proxy on the way: the URLs are an index gateway's."""
        self._urls = tuple(urls)
        self._upstream = Upstream((), {} if direct else None)
        self._known: dict[str, list[IndexFile] | None] = {}
        self._answered: dict[str, int] = {}

    def files(self, name: str, deadline: float) -> list[IndexFile] | None:
        """Return the files of a package, [] when no index knows it, None when that can't be found out.

        `deadline` is a time of `time.monotonic`.
        """
        if name not in self._known:
            self._known[name] = self._asked(name, min(deadline, time.monotonic() + _MAX_SECONDS))
        return self._known[name]

    def position(self, name: str) -> int | None:
        """Return the position, from 0, of the index that answered `files`; None when none of them knows the name."""
        return self._answered.get(name)

    def _asked(self, name: str, deadline: float) -> list[IndexFile] | None:
        for position, base in enumerate(self._urls):
            try:
                page = self._page(IndexUrl(f"{base.rstrip('/')}/{canonicalize_name(name)}/"), deadline)
            except (ValueError, OSError, UpstreamError, urllib3.exceptions.HTTPError):
                return None
            if page is not None:
                self._answered[name] = position
                return files_of(name, *page)
        return []

    def _page(self, url: IndexUrl, deadline: float) -> tuple[bytes, str] | None:
        """Body and content type; None when there is no such page."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        answer, _, _ = self._upstream.fetch("GET", url, {"Accept": _ACCEPT}, urllib3.Timeout(left))
        with answer:
            if answer.status in _GONE:
                return None
            if answer.status != 200:
                raise UpstreamError(f"it answers with HTTP status {answer.status}")
            return read_page(answer, deadline), answer.headers.get("Content-Type", "")
