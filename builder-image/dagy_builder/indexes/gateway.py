"""The index gateway: fetches from indexes that need credentials, for uv, which then needs none.

It runs in a container of its own (`python -m dagy_builder.indexes.gateway`) or in a thread, and listens on 127.0.0.1.
Its clients can read only the parts that the build may read anyway: pages of the configured indexes, files
that such a page, the lock or a requirement names. It only knows GET and HEAD. See `route` for its URLs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import tempfile
import threading
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag

import urllib3
from urllib3.response import BaseHTTPResponse

from dagy_builder.contract import GATEWAY_PORT, BuildRequest
from dagy_builder.indexes.credentials import Credential, read_credentials
from dagy_builder.indexes.page import with_other_links
from dagy_builder.indexes.route import FAILURES_PATH, Route
from dagy_builder.indexes.upstream import Upstream, UpstreamError, cause_of, read_page
from dagy_builder.packed_lock import LOCK_FILE, unpack
from dagy_builder.redact import redact
from dagy_builder.requirement import parse_requirement
from dagy_builder.trust import trust_added_authorities
from dagy_builder.url import IndexUrl

PAGE_TYPE = "application/vnd.pypi.simple.v1+json"

_ACCEPT = f"{PAGE_TYPE}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_CHUNK_BYTES = 1 << 18
_PASSED_ON = ("Content-Type", "Content-Length", "Content-Range", "Accept-Ranges", "ETag", "Last-Modified")
_MAX_FAILURES = 50
_METADATA = ".metadata"  # PEP 658: beside the wheel
_PAGE_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")  # PEP 503: a normalized name

Log = Callable[[str], None]


class Gateway:
    """The index gateway: it decides which URLs may be fetched, and fetches them. Safe for several threads."""

    def __init__(
        self, indexes: Iterable[str], files: Iterable[str], credentials: Sequence[Credential], log: Log
    ) -> None:
        self._log = log
        self._indexes = {(index.origin, index.folder) for index in self._readable(indexes) if index.query is None}
        self._files = set(self._readable(files))
        self._upstream = Upstream(credentials)
        self.failures: list[str] = []

    def may_fetch(self, url: IndexUrl) -> bool:
        """Return True when the URL is a page of a configured index, or a file that is known."""
        return self.is_page(url) or url in self._files or _described_by(url) in self._files

    def is_page(self, url: IndexUrl) -> bool:
        """Return True when the URL is a package's page: its name, and nothing else, below a configured index."""
        folder, _, name = url.path.removesuffix("/").rpartition("/")
        is_named = url.query is None and url.path.endswith("/") and bool(_PAGE_NAME.fullmatch(name))
        return is_named and (url.origin, f"{folder}/") in self._indexes

    def page(self, url: IndexUrl, route: Route) -> tuple[int, bytes]:
        """Status and body of a package's page, its links leading through the gateway."""
        try:
            answer, final_url, credential = self._upstream.fetch("GET", url, {"Accept": _ACCEPT})
            self._log_response(url, answer.status, credential)
            if answer.status != 200:
                return answer.status, b""
            kind = answer.headers.get("Content-Type", "")
            page = with_other_links(read_page(answer), kind, _name_in(final_url), self._known(final_url, route))
        except (UpstreamError, urllib3.exceptions.HTTPError, ValueError) as error:
            cause = str(error) if isinstance(error, UpstreamError) else cause_of(error)
            return 502, self._record_failure(url, cause).encode()
        # An index may repeat what it was sent.
        return 200, self._upstream.masked(json.dumps(page)).encode()

    def file(self, method: str, url: IndexUrl, byte_range: str) -> BaseHTTPResponse | str:
        """Return the answer for a file, its body unread; or the reason that there is none."""
        headers = {"Accept-Encoding": "identity", **({"Range": byte_range} if byte_range else {})}
        try:
            answer, _, credential = self._upstream.fetch(method, url, headers)
        except UpstreamError as error:
            return self._record_failure(url, str(error))
        self._log_response(url, answer.status, credential)
        return answer

    def _known(self, page: IndexUrl, route: Route) -> Callable[[str], str | None]:
        def link(reference: str) -> str | None:
            try:
                url = page.leads_to(reference)
            except ValueError as error:
                self._log_redacted(f"{page} has a link that is left out: {error}")
                return None
            self._files.add(url)
            return route.local(url)

        return link

    def _readable(self, urls: Iterable[str]) -> Iterator[IndexUrl]:
        for url in urls:
            try:
                yield IndexUrl(url)
            except ValueError as error:
                self._log(redact(f"{url} is not asked: {error}"))

    def _log_response(self, url: IndexUrl, status: int, credential: Credential | None) -> None:
        what = f"the credentials of {credential.source}" if credential else "a request without credentials"
        line = f"{url} answered {status} to {what}"
        self._log_redacted(line)
        if status in (401, 403):
            self._append_failure(line)

    def _record_failure(self, url: IndexUrl, cause: str) -> str:
        self._log_redacted(f"no answer from {url}: {cause}")
        self._append_failure(f"{url}: cause: {cause}")
        return cause

    def _log_redacted(self, line: str) -> None:
        self._log(self._upstream.masked(redact(line)))

    def _append_failure(self, line: str) -> None:
        clean = self._upstream.masked(redact(line))
        if clean not in self.failures and len(self.failures) < _MAX_FAILURES:
            self.failures.append(clean)


def _described_by(url: IndexUrl) -> IndexUrl | None:
    """Return the wheel whose metadata lie at the URL."""
    if url.query is not None or not url.path.endswith(_METADATA):
        return None
    return IndexUrl(str(url).removesuffix(_METADATA))


def _name_in(page: IndexUrl) -> str:
    return page.path.rstrip("/").rpartition("/")[2]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # uv asks for 50 pages at once

    def __init__(self, port: int, gateway: Gateway) -> None:
        self.gateway = gateway
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        gateway = self.server.gateway
        if self.path == FAILURES_PATH:
            self._answer(200, "application/json", json.dumps(gateway.failures).encode())
            return
        route = _route(self.server)
        url = route.asked_for(self.path)
        if url is None or not gateway.may_fetch(url):
            self._answer(404, "text/plain", b"no page of a configured index, and no file that one names")
        elif gateway.is_page(url):
            status, body = gateway.page(url, route)
            self._answer(status, PAGE_TYPE if status == 200 else "text/plain", body)
        else:
            self._pass_on(gateway.file(self.command, url, self.headers.get("Range", "")))

    do_HEAD = do_GET  # noqa: N815 http.server's name

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _pass_on(self, answer: BaseHTTPResponse | str) -> None:
        if isinstance(answer, str):
            self._answer(502, "text/plain", answer.encode())
            return
        self.send_response(answer.status)
        for name in _PASSED_ON:
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        if "Content-Length" not in answer.headers:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        try:
            for chunk in answer.stream(_CHUNK_BYTES) if self.command == "GET" else ():
                self.wfile.write(chunk)
        except (urllib3.exceptions.HTTPError, OSError):
            self.close_connection = True  # uv sees a body that is too short, and asks again
        finally:
            answer.close()

    def handle(self) -> None:  # type: ignore[explicit-override] # 3.11 has no typing.override
        with suppress(OSError):  # uv hangs up when it has read enough
            super().handle()

    def log_message(self, format: str, *args: object) -> None:  # type: ignore[explicit-override] # noqa: A002
        """Log nothing: the gateway itself tells of its fetches."""


def _route(server: Any) -> Route:
    return Route(f"http://127.0.0.1:{server.server_address[1]}")


@contextmanager
def serving(gateway: Gateway, port: int = 0) -> Iterator[Route]:
    """Serve in threads while the block runs; port 0 takes a free one."""
    server = _Server(port, gateway)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield _route(server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def files_of_build(request: BuildRequest, lock: str) -> list[str]:
    """Return the files that a request and its lock name by themselves. The steps tell of files that can't be read."""
    urls: list[str] = []
    for text in request.requirements:
        with suppress(ValueError):
            urls.append(parse_requirement(text).url or "")
    with suppress(ValueError, TypeError, AttributeError):
        for package in tomllib.loads(lock).get("packages", []):
            entries = [*package.get("wheels", []), package.get("sdist"), package.get("archive")]
            urls += [str(entry["url"]) for entry in entries if entry and "url" in entry]
    return [urldefrag(url).url for url in urls if url]


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="dagy_builder.indexes.gateway", description="Serve indexes to uv.")
    parser.add_argument(
        "--input", type=Path, required=True, help="folder with request.json, and pylock.toml.gz for builds"
    )
    parser.add_argument("--credentials", type=Path, required=True, help="folder with a subfolder for each Secret")
    given = parser.parse_args()
    # As process 1 of a container it would ignore SIGTERM. Nothing has to be finished or put away.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: os._exit(0))
    request = BuildRequest.from_json(json.loads((given.input / "request.json").read_text()))
    lock = given.input / LOCK_FILE
    with tempfile.TemporaryDirectory(prefix="dagy-trust-") as scratch:
        trust_added_authorities(Path(scratch), given.input)
        credentials, problems = read_credentials(given.credentials)
        for line in [*(f"{one.source} is for {one.place}" for one in credentials), *problems]:
            print(line, flush=True)
        files = files_of_build(request, unpack(lock.read_bytes()) if lock.exists() else "")
        gateway = Gateway(request.indexes, files, credentials, lambda line: print(line, flush=True))
        gateway.failures += problems
        with serving(gateway, GATEWAY_PORT):
            signal.pause()


if __name__ == "__main__":
    main()
