"""A proxy in front of an HTTP server that loses the connection in the middle of answers."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from typing_extensions import override


class CuttingProxy(ThreadingHTTPServer):
    """Hands on whole answers; with `keep`, only so many bytes of each, and then hangs up."""

    daemon_threads = True
    keep: int | None = None
    flip = False
    """True when it changes a byte of each answer."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target).netloc
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: CuttingProxy

    def _hand_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = http.client.HTTPConnection(self.server.target, timeout=30)
        connection.request(self.command, self.path, body, dict(self.headers))  # the Host that was signed, too
        answer = connection.getresponse()
        data = answer.read()
        self.close_connection = True
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length or "0")
        self.send_header("Connection", "close")
        self.end_headers()
        if self.server.flip and data:
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.wfile.write(data if self.server.keep is None else data[: self.server.keep])
        connection.close()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _hand_on  # noqa: N815 as http.server calls them

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def cutting_proxy(target: str) -> Iterator[CuttingProxy]:
    """Serve while the block runs."""
    with CuttingProxy(target) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join(10)
