"""A proxy for one browser on this machine: what comes in with its key goes on with the user's own credentials.

It listens on the loopback interface only. Other users of the machine and pages of other sites can reach that too, so a
request needs the key, and the Host that belongs to it: a name that somebody else has pointed at 127.0.0.1 is not
it (DNS rebinding). The page itself is nobody's secret, and is given to whoever asks.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import monotonic
from typing import Any

import httpx
from typing_extensions import override

from dagy.client.http.errors import DagyError
from dagy.core.rest.origin import is_foreign
from dagy.core.rest.reasons import ApiReason, problem_of

PAGE = "/console/"
_MOST_BYTES = 4_000_000
"""Of a request's body; a requirements.txt may have 200,000 characters."""
_MOST_UNUSED = 100_000_000
_IDLE_SECONDS = 300.0
_FAREWELL_SECONDS = 2.0
_OF_THE_CONNECTION = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length"}
)
"""Headers that speak of one connection, and not of what goes over it (RFC 9110, 7.6.1)."""
_OF_THE_BROWSER = frozenset({"authorization", "cookie", "host", "origin", "referer", "forwarded"})


class LocalProxy(ThreadingHTTPServer):
    """The server, on a free port of 127.0.0.1 or a given one (OSError when it is taken), and its key."""

    daemon_threads = True

    def __init__(self, api: httpx.Client, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Request)
        self.api, self.key = api, secrets.token_urlsafe(32)

    @property
    def address(self) -> str:
        """URL of the page, with the key in its fragment, which browsers send to nobody."""
        return f"http://127.0.0.1:{self.server_port}{PAGE}#token={self.key}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names by which a browser on this machine may call it."""
        return tuple(f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost"))

    @override
    def shutdown_request(self, request: Any) -> None:
        """Say farewell, and read what was under way: closed over unread bytes, a connection loses its answer."""
        end = monotonic() + _FAREWELL_SECONDS
        with suppress(OSError):
            request.shutdown(socket.SHUT_WR)
            while (left := end - monotonic()) > 0:
                request.settimeout(left)
                if not request.recv(65_536):
                    break
        self.close_request(request)

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a browser that has gone away is no error."""


@contextmanager
def serving(proxy: LocalProxy) -> Iterator[LocalProxy]:
    """Serve while the block runs."""
    with proxy:
        thread = Thread(target=proxy.serve_forever, name="dagy-console", daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()


class _Request(BaseHTTPRequestHandler):
    server: LocalProxy
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS  # for a request to come; an answer may be silent as long as it likes
    server_version, sys_version = "dagy", ""

    def _serve(self) -> None:
        refusal = self._refusal()
        if refusal:
            self._refuse(*refusal)
            return
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        del self.headers["Content-Length"]  # it has been read
        try:
            answer = self.server.api.send(self._passed_on(body), stream=True, follow_redirects=False)
        except httpx.TransportError as error:
            self._refuse(
                ApiReason.CLUSTER_UNREACHABLE,
                f"DAGY's API can't be reached from this machine ({type(error).__name__}). Check your network; the "
                "console tries again by itself.",
            )
        except DagyError as error:  # no token to be had
            self._refuse(ApiReason.UNAUTHENTICATED, str(error))
        else:
            with closing(answer):
                self._give_back(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 names of the standard library

    def _refusal(self) -> tuple[ApiReason, str] | None:
        if self.headers.get("Host", "") not in self.server.hosts or not self.path.startswith("/"):
            return (
                ApiReason.CROSS_ORIGIN,
                "This is not the console's address. Open the one that `dagy console` printed.",
            )
        if is_foreign(self.command, {name.lower(): value for name, value in self.headers.items()}):
            return ApiReason.CROSS_ORIGIN, "A page of another site asks for this. Do it in the console."
        length = self.headers.get("Content-Length") or "0"
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            return ApiReason.INVALID_REQUEST, "The request doesn't say how long its body is. Send Content-Length."
        if int(length) > _MOST_BYTES:
            return ApiReason.TOO_LARGE, f"The request's body has {length} bytes, and may have {_MOST_BYTES}."
        if self._is_for_the_page() or secrets.compare_digest(self._key().encode(), self.server.key.encode()):
            return None
        return (
            ApiReason.UNAUTHENTICATED,
            "This is not the key of the `dagy console` that runs. Open the address that it printed; each run has a new "
            "one.",
        )

    def _is_for_the_page(self) -> bool:
        path = self.path.partition("?")[0]
        return self.command in ("GET", "HEAD") and (path in ("/", "/console") or path.startswith(PAGE))

    def _key(self) -> str:
        scheme, _, key = self.headers.get("Authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" else ""

    def _refuse(self, reason: ApiReason, detail: str) -> None:
        problem = problem_of(reason, detail)
        data = problem.model_dump_json().encode()
        self._read_unused()
        self.send_response(problem.status)
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _read_unused(self) -> None:
        """Read a body that is refused: a browser that can't send all of it doesn't hear why."""
        length = self.headers.get("Content-Length") or "0"
        left = int(length) if length.isascii() and length.isdigit() else 0
        self.close_connection |= "Transfer-Encoding" in self.headers or left > _MOST_UNUSED
        while not self.close_connection and left and (data := self.rfile.read(min(left, 65_536))):
            left -= len(data)

    def _passed_on(self, body: bytes) -> httpx.Request:
        """Return the request as it goes to the API: without what belongs to the browser or to its connection."""
        api, dropped = self.server.api, _OF_THE_CONNECTION | _OF_THE_BROWSER
        headers = [
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, value in self.headers.items()
            if name.lower() not in dropped and not name.lower().startswith("sec-")
        ]
        path = api.base_url.raw_path.rstrip(b"/") + self.path.encode("latin-1")
        # Logs and watches are silent for as long as nothing happens.
        timeout = httpx.Timeout(api.timeout.connect, read=None)
        url, extensions = api.base_url.copy_with(raw_path=path), {"timeout": timeout.as_dict()}
        return httpx.Request(self.command, url, headers=headers, content=body, extensions=extensions)

    def _give_back(self, answer: httpx.Response) -> None:
        self.send_response(answer.status_code, answer.reason_phrase)
        for name, value in answer.headers.multi_items():
            if name not in _OF_THE_CONNECTION:
                self.send_header(name, value)
        has_body = self.command != "HEAD" and answer.status_code not in (204, 304)
        if has_body:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if not has_body:
            return
        try:
            for chunk in filter(None, answer.iter_raw()):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        except httpx.TransportError:
            self.close_connection = True  # so that the browser knows that the end is missing
        else:
            self.wfile.write(b"0\r\n\r\n")

    @override
    def send_response(self, code: int, message: str | None = None) -> None:
        """Without the headers Server and Date of its own: the API's answer has them."""
        self.log_request(code)
        self.send_response_only(code, message)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal belongs to the user."""
