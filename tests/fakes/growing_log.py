"""A server of a log that grows, as the API serves it, whose connections can be cut in the middle of an answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

_CHUNK = 1 << 16


@dataclass
class GrowingLog:
    """The log: what there is of it, and whether it will grow."""

    text: bytes = b""
    ended: bool = False
    cuts: int = 0
    """How often its connections were cut."""
    asked: list[int] = field(default_factory=list)
    """The byte that each request began at."""
    url: str = ""
    changed: threading.Condition = field(default_factory=threading.Condition)

    def grow(self, more: bytes | str, *, ended: bool = False) -> None:
        """Log more."""
        with self.changed:
            self.text += more.encode() if isinstance(more, str) else more
            self.ended = ended
            self.changed.notify_all()

    def cut(self) -> None:
        """End all connections, none of them properly."""
        with self.changed:
            self.cuts += 1
            self.changed.notify_all()

    def wait_for(self, place: int, cuts: int) -> bytes | None:
        """What comes next; empty when there is nothing more, None when the connection was cut."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.text) > place or self.ended or self.cuts > cuts)
            return None if self.cuts > cuts else self.text[place : place + _CHUNK]


@contextmanager
def growing_log() -> Iterator[GrowingLog]:
    """Serve it while the block runs."""
    log = GrowingLog()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            place = int(parse_qs(urlsplit(self.path).query).get("from_byte", ["0"])[0])
            cuts = log.cuts
            log.asked.append(place)
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while found := log.wait_for(place, cuts):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(found), found))
                place += len(found)
            if found is not None:
                self.wfile.write(b"0\r\n\r\n")
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        log.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield log
        finally:
            log.grow("", ended=True)
            server.shutdown()
