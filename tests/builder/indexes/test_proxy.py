"""Proxies between the index gateway and an index: their credentials are sent to them alone, and told nowhere."""

from __future__ import annotations

import base64
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from dagy_builder.indexes.credentials import Credential
from dagy_builder.url import IndexUrl
from tests.fakes.index import Release, serve
from tests.fakes.index_gateway import BASIC, PASSWORD, ask, gateway


@contextmanager
def refusing_proxy() -> Iterator[tuple[str, list[str]]]:
    """Host and port of a proxy that answers everything with 407, and the heads of the requests that it got."""
    heads: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            lines = iter(self.rfile.readline, b"\r\n")
            heads.append(b"".join(line for line in lines if line).decode())
            self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}", heads
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("scheme", "line"),
    [("http", "GET http://index.invalid/simple/alpha/ HTTP/1.1"), ("https", "CONNECT index.invalid:443 HTTP/1.")],
)
def test_a_proxy_gets_its_own_credentials_and_no_others(
    monkeypatch: pytest.MonkeyPatch, scheme: str, line: str
) -> None:
    """Its password stands percent-encoded in the variable, and nowhere in what is told of its refusal."""
    index = f"{scheme}://index.invalid/simple"
    credential = Credential("Secret team-index", IndexUrl(f"{scheme}://index.invalid/"), "ci", PASSWORD)
    with refusing_proxy() as (host, heads):
        monkeypatch.setenv(f"{scheme}_proxy", f"http://me:proxy%2Fpassword@{host}")
        with gateway(monkeypatch, [index], credential) as route:
            status, body = ask(route, f"/{scheme}/index.invalid/simple/alpha/")
            told = f"{body.decode()}{route.failures()}"
    assert heads[0].startswith(line)
    proxy_login = base64.b64encode(b"me:proxy/password").decode()
    assert f"proxy-authorization: basic {proxy_login}".lower() in heads[0].lower()
    assert (BASIC in heads[0]) == (scheme == "http"), "over https the proxy sees a tunnel only"
    assert status == (407 if scheme == "http" else 502)
    assert "password" not in told
    assert proxy_login not in told


def test_hosts_of_no_proxy_are_asked_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(Release("alpha", "1.0")) as index:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with gateway(monkeypatch, [index.url]) as route:
            assert ask(route, f"/http/{urlsplit(index.url).netloc}/simple/alpha/")[0] == 200
