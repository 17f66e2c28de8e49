"""What users can do to the API, all of it at once and again and again, until this process is ended.

It is a process of its own: whoever measures meanwhile waits for no lock that these threads hold.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

PROJECT = Path(__file__).parents[2]


@contextmanager
def running(environment: dict[str, str], namespace: str, logs: str) -> Iterator[None]:
    """All loads, while the body runs."""
    command = [sys.executable, "-m", "tests.e2e.load", namespace, logs]
    process = subprocess.Popen(command, env={**os.environ, **environment}, cwd=PROJECT)
    try:
        yield
        assert process.poll() is None, "the loads went on to the end"
    finally:
        process.kill()
        process.wait()


class Load:
    """Loads by name."""

    def __init__(self, environment: dict[str, str], namespace: str) -> None:
        self.url, self.token = environment["DAGY_API_URL"], environment["DAGY_API_TOKEN"]
        self.trust = ssl.create_default_context(cafile=environment["DAGY_CA_FILE"])
        self.namespace = namespace

    def client(self, token: str | None = None) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, verify=self.trust, timeout=60, headers={"Authorization": f"Bearer {token or self.token}"}
        )

    def half_bodies(self) -> None:
        """100 connections with half a body each, nobody's."""
        where = urlsplit(self.url)
        head = b"POST /dep-packages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Length: 4000000\r\n\r\n"
        opened = []
        try:
            for _ in range(100):
                plain = socket.create_connection((where.hostname, where.port or 443), timeout=10)
                opened.append(self.trust.wrap_socket(plain, server_hostname=where.hostname))
                opened[-1].sendall(head + b"{" * 1000)
            time.sleep(2)  # as long as its author likes
        finally:
            for connection in opened:
                connection.close()

    def unknown_fields(self) -> None:
        """A large body of what is not there, from somebody and from nobody."""
        body = json.dumps({f"u{n}": n for n in range(20_000)}).encode()
        for token in (None, "invented"):
            with self.client(token) as client:
                client.post("/dep-packages", content=body, headers={"Content-Type": "application/json"})

    def long_lists(self) -> None:
        """As many lines as are read, and many more."""
        with self.client() as client:
            for lines in (4_999, 500_000):
                text = "a>=1,<2\n" * lines
                client.post("/dep-packages:parse", json={"text": text, "python_version": "3.12"})

    def search(self) -> None:
        """Through objects that are as large as they may be."""
        with self.client() as client:
            client.get("/dep-packages", params={"namespace": self.namespace, "search": "nothing has this"})

    def follow(self, path: str) -> None:
        """The log of a package, to its end."""
        with self.client() as client, client.stream("GET", path, params={"follow": "true"}) as answer:
            for _ in answer.iter_bytes():
                pass
        time.sleep(0.1)


def _again(load: Callable[[], Any]) -> None:
    while True:
        with suppress(httpx.HTTPError, OSError):  # that they are refused is the point
            load()


def main(namespace: str, logs: str) -> None:
    """Three of each, and twenty who follow one log."""
    os.nice(10)  # users have machines of their own, and this one's processors are the control plane's first
    load = Load(dict(os.environ), namespace)
    kinds = (load.half_bodies, load.unknown_fields, load.long_lists, load.search)
    threads = [threading.Thread(target=_again, args=(one,)) for one in (*3 * kinds, *[lambda: load.follow(logs)] * 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
