"""What becomes of a connection whose answer is not read to its end."""

from __future__ import annotations

import asyncio
import gc
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from dagy.adapters.kube import api as kube
from dagy.adapters.kube.api import KubeApi, KubeError
from tests.cluster import pki


class _Endless(BaseHTTPRequestHandler):
    """Answers with more than anybody wants; says nothing to a client that closes TLS, but waits for the end of TCP."""

    over: threading.Event

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        with suppress(OSError):  # the client has gone, which is what the tests are about
            self.wfile.write(b"y" * 4_000)
            self.over.wait(60)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[str]:
    """The way to such a server."""
    authority = pki.new_authority("test")
    key, certificate = pki.issue(authority, "api", hosts=["127.0.0.1"])
    (tmp_path / "api.pem").write_bytes(key + certificate)
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(tmp_path / "api.pem")
    handler = type("Handler", (_Endless,), {"over": threading.Event()})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = trust.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        cluster = {"server": f"https://127.0.0.1:{server.server_address[1]}", "certificate-authority": "ca.pem"}
        config = {
            "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {"token": "t"}}],
            "clusters": [{"name": "c", "cluster": cluster}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        }  # fmt: skip
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        yield str(tmp_path / "kubeconfig")
        handler.over.set()
        server.shutdown()
        thread.join()


async def _too_large(api: KubeApi) -> None:
    with pytest.raises(KubeError, match="larger than any of a cluster"):
        await api.list("/api/v1/pods")


async def _left(api: KubeApi) -> None:
    async with api.streaming("/api/v1/pods", query={}, idle_seconds=60) as chunks:
        assert await anext(chunks)


@pytest.mark.parametrize("read", [_too_large, _left])
def test_it_ends_with_the_answer(
    kubeconfig: str, read: Callable[[KubeApi], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube, "_PAGE_BYTES", 1_000)
    monkeypatch.setattr(kube, "_OBJECT_BYTES", 2_000)

    async def run() -> None:
        api = await KubeApi.connect(kubeconfig=kubeconfig)
        try:
            await read(api)
        finally:
            await api.close()

    asyncio.run(run())
    gc.collect()  # a connection that is still open now is a ResourceWarning, which is an error
