"""Fetching from an index on behalf of uv: with the right credentials, authorities and proxy, following redirects."""

from __future__ import annotations

import math
import ssl
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote

import urllib3
from urllib3.response import BaseHTTPResponse
from urllib3.util import make_headers, parse_url

from dagy_builder.indexes.credentials import Credential, best_for
from dagy_builder.redact import spellings, without_values
from dagy_builder.trust import client_context
from dagy_builder.url import IndexUrl

_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 5
_TIMEOUT = urllib3.Timeout(connect=10, read=60)
_CONNECTIONS = 50  # as many as uv opens at once
_MAX_PAGE_BYTES = 40_000_000  # the largest pages of PyPI have some 10 MB
_CHUNK_BYTES = 1 << 20

Pool = urllib3.PoolManager | urllib3.ProxyManager


class UpstreamError(Exception):
    """The index gave no answer; the text is the innermost cause."""


class UnreadablePageError(UpstreamError):
    """The index answered, with more or more slowly than anybody may."""


class Upstream:
    """The indexes, as the gateway reaches them. Safe for several threads."""

    def __init__(
        self, credentials: Sequence[Credential], proxies: Mapping[str, str] | None = None, *, one_host: bool = False
    ) -> None:
        """`proxies` are URLs by scheme, and under "no" the hosts without one; the environment's when left out.

        `one_host` follows no redirect to another host.
        """
        self._credentials = tuple(credentials)
        self._secret_values = [value for one in credentials for value in one.secret_values]
        self._context = client_context()
        self._one_host = one_host
        self._proxies = urllib.request.getproxies_environment() if proxies is None else dict(proxies)
        self._pools: dict[str, Pool] = {}
        self._lock = threading.Lock()

    def fetch(
        self, method: str, url: IndexUrl, headers: Mapping[str, str], timeout: urllib3.Timeout = _TIMEOUT
    ) -> tuple[BaseHTTPResponse, IndexUrl, Credential | None]:
        """Return the answer with its body unread, the URL that it came from, and the credential that was sent there.

        Credentials are chosen anew for each redirect, so none follows to a place that it doesn't cover. `timeout`
        counts for each of these requests. Raises UpstreamError.
        """
        for _ in range(_MAX_REDIRECTS + 1):
            credential = best_for(url, self._credentials)
            sent = {**headers, **({"Authorization": credential.authorization} if credential else {})}
            answer = self._request(method, url, sent, timeout)
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or not location:
                return answer, url, credential
            answer.drain_conn()
            answer.release_conn()
            url = _redirected(url, location, one_host=self._one_host)
        raise UpstreamError(f"it redirects more than {_MAX_REDIRECTS} times")

    def masked(self, text: str) -> str:
        """Return the text without any secret value that is known here."""
        return without_values(text, self._secret_values)

    def _request(
        self, method: str, url: IndexUrl, headers: Mapping[str, str], timeout: urllib3.Timeout
    ) -> BaseHTTPResponse:
        """One request, to the host and the port of the value that was decided about: no text is parsed again."""
        proxy = self._proxy_for(url)
        # Without TLS a proxy is asked for the whole URL, and otherwise for a tunnel to host and port.
        target = str(url) if proxy and url.scheme == "http" else url.target
        try:
            connections = self._pool(proxy).connection_from_host(url.host, url.port, url.scheme)
            return connections.urlopen(
                method,
                target,
                headers={"Host": url.authority, **headers},
                preload_content=False,
                decode_content=False,
                redirect=False,
                retries=False,  # uv repeats what is worth it
                assert_same_host=False,  # the proxy's is another one
                timeout=timeout,
            )
        except (urllib3.exceptions.HTTPError, OSError, UnicodeError) as error:
            raise UpstreamError(self.masked(cause_of(error))) from error

    def _pool(self, proxy: str) -> Pool:
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = self._opened(proxy)
            return self._pools[proxy]

    def _proxy_for(self, url: IndexUrl) -> str:
        if urllib.request.proxy_bypass_environment(f"{url.host}:{url.port}", self._proxies):  # type: ignore[attr-defined]
            return ""
        return self._proxies.get(url.scheme) or self._proxies.get("all", "")

    def _opened(self, proxy: str) -> Pool:
        if not proxy:
            return urllib3.PoolManager(ssl_context=self._context, maxsize=_CONNECTIONS)
        parsed = parse_url(proxy if "://" in proxy else f"http://{proxy}")
        userinfo = unquote(parsed.auth or "")
        self._secret_values += spellings(userinfo.partition(":")[2], userinfo)
        login = make_headers(proxy_basic_auth=userinfo) if userinfo else {}
        bare = parsed._replace(auth=None).url
        return urllib3.ProxyManager(bare, proxy_headers=login, ssl_context=self._context, maxsize=_CONNECTIONS)


def _redirected(url: IndexUrl, location: str, *, one_host: bool) -> IndexUrl:
    try:
        after = url.leads_to(location)
    except ValueError as error:
        raise UpstreamError(f"it redirects to a URL that is not followed: {error}") from error
    if after.scheme not in ("https", url.scheme):
        raise UpstreamError("it redirects to a place without TLS")
    if one_host and after.host != url.host:
        raise UpstreamError(f"it redirects to another host, {after.host}")
    return after


def read_page(answer: BaseHTTPResponse, deadline: float = math.inf, most_bytes: int = _MAX_PAGE_BYTES) -> bytes:
    """The whole body. Raises what `chunks_of` raises."""
    body = bytearray()
    for chunk in chunks_of(answer, deadline, most_bytes):
        body += chunk
    return bytes(body)


def chunks_of(answer: BaseHTTPResponse, deadline: float, most_bytes: int) -> Iterator[bytes]:
    """The body as it comes, decompressed.

    Raises UnreadablePageError when it is larger than `most_bytes` or not there at `deadline` (of `time.monotonic`), and
    urllib3.exceptions.HTTPError when it breaks off.
    """
    read = 0
    while chunk := answer.read1(_CHUNK_BYTES, decode_content=True):
        read += len(chunk)
        if read > most_bytes:
            raise UnreadablePageError(f"its page is larger than {most_bytes // 1_000_000} MB")
        if time.monotonic() > deadline:
            raise UnreadablePageError("its page comes too slowly")
        yield chunk


def cause_of(error: BaseException) -> str:
    """Return the innermost cause in one line, e.g. "certificate verify failed: self-signed certificate"."""
    seen: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in seen:
        seen.append(following)
        reason = getattr(following, "reason", None)
        original = getattr(following, "original_error", None)
        inner = next((e for e in (reason, original) if isinstance(e, BaseException)), None)
        following = inner or following.__cause__ or following.__context__
    for one in reversed(seen):
        if isinstance(one, ssl.SSLCertVerificationError):
            return f"certificate verify failed: {one.verify_message}"
    last = seen[-1]
    text = (last.strerror if isinstance(last, OSError) else None) or str(last) or type(last).__name__
    return " ".join(text.split())[:200]
