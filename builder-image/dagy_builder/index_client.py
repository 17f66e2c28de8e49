"""Asking the indexes of a request what they have of a package: only to explain a failure, so never for long.

uv does the resolving. The standard library does for one GET, and needs nothing more in the image; it takes proxies and
authorities from the same variables as uv does.
"""

from __future__ import annotations

import http.client
import time
import urllib.request
from collections.abc import Sequence
from urllib.error import HTTPError

from packaging.utils import canonicalize_name

from dagy_builder.index_page import IndexFile, files_of
from dagy_builder.trust import client_context

_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
# The largest pages of PyPI have some 10 MB.
_MAX_BYTES = 40_000_000
_MAX_SECONDS = 8.0
_GONE = (404, 410)


class IndexClient:
    """The indexes of one request, in the order in which they are asked; the first one that knows a name wins."""

    def __init__(self, urls: Sequence[str], *, direct: bool = False) -> None:
        """`direct` takes no proxy on the way: the URLs are an index gateway's."""
        self._urls = tuple(urls)
        self._opener = _opener({} if direct else urllib.request.getproxies())
        self._known: dict[str, list[IndexFile] | None] = {}

    def files(self, name: str, deadline: float) -> list[IndexFile] | None:
        """What there is of a package, [] when no index knows it, None when that can't be found out.

        `deadline` is a time of `time.monotonic`.
        """
        if name not in self._known:
            self._known[name] = self._asked(name, min(deadline, time.monotonic() + _MAX_SECONDS))
        return self._known[name]

    def _asked(self, name: str, deadline: float) -> list[IndexFile] | None:
        for base in self._urls:
            url = f"{base.rstrip('/')}/{canonicalize_name(name)}/"
            try:
                page = self._page(url, deadline)
            # UnicodeError: a host name that IDNA refuses.
            except (OSError, http.client.HTTPException, UnicodeError):
                return None
            if page is not None:
                return files_of(name, *page)
        return []

    def _page(self, url: str, deadline: float) -> tuple[bytes, str] | None:
        """Body and content type; None when there is no such page. Raises OSError."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        request = urllib.request.Request(url, headers={"Accept": _ACCEPT})  # noqa: S310 the opener speaks HTTP only
        try:
            with self._opener.open(request, timeout=left) as answer:
                return _body(answer, deadline), answer.headers.get("Content-Type", "")
        except HTTPError as error:
            error.close()
            if error.code in _GONE:
                return None
            raise


def _body(answer: http.client.HTTPResponse, deadline: float) -> bytes:
    """The whole body. Raises OSError when it is too large or comes too slowly."""
    body = bytearray()
    while chunk := answer.read1(1 << 20):
        body += chunk
        if len(body) > _MAX_BYTES or time.monotonic() > deadline:
            raise TimeoutError
    return bytes(body)


def _opener(proxies: dict[str, str]) -> urllib.request.OpenerDirector:
    """Like `urllib.request.build_opener`, but without its handlers for files and FTP: an index may redirect there."""
    for scheme in ("http", "https"):
        if "all" in proxies:
            proxies.setdefault(scheme, proxies["all"])
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(proxies),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=client_context()),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener
