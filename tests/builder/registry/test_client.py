"""One repository of a real registry, and of servers that break, stall and deceive."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typing_extensions import override

from dagy_builder.contract import Reason
from dagy_builder.image.manifest import Blob
from dagy_builder.image.repository import Repository
from dagy_builder.registry.auth import Login
from dagy_builder.registry.client import Patience, RegistryClient
from dagy_builder.registry.errors import RegistryError
from tests.cluster.doctor import free_port
from tests.registry_server import PASSWORD, USER, Registry

SHORT = {"idle": 1.0, "most": 5.0}


def client_of(base: str, login: Login | None = None, slug: str = "A1B2C3D4", **patience: float) -> RegistryClient:
    repository = Repository.of(base, "team-a", slug)
    return RegistryClient(repository, login, Patience(**(patience or SHORT)), plain_http=True)


@pytest.fixture
def blob(tmp_path: Path) -> tuple[Blob, Path]:
    path = tmp_path / "blob"
    path.write_bytes(os.urandom(3 << 20))
    return Blob(f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}", path.stat().st_size), path


def test_a_blob_is_uploaded_once_and_mounted(registry: Registry, blob: tuple[Blob, Path]) -> None:
    one, other = client_of(registry.base), client_of(registry.base, slug="B1B2C3D4")
    assert not one.has_blob(blob[0])
    assert not other.mount(blob[0], one.repository)
    one.upload(*blob)
    assert one.has_blob(blob[0])
    assert not other.has_blob(blob[0])
    assert other.mount(blob[0], one.repository)
    assert other.has_blob(blob[0])
    assert registry.uploaded() == [blob[0].digest]


def test_a_login_opens_what_is_closed_without(guarded_registry: Registry, blob: tuple[Blob, Path]) -> None:
    client = client_of(guarded_registry.base, Login(USER, PASSWORD))
    client.upload(*blob)
    assert client.has_blob(blob[0])
    for login in (None, Login(USER, "wrong")):
        with pytest.raises(RegistryError, match="Secret that DAGY_OCI_SECRET names") as refused:
            client_of(guarded_registry.base, login).upload(*blob)
        assert refused.value.reason is Reason.REGISTRY_ACCESS_DENIED
        assert "wrong" not in refused.value.message


def test_images_are_deleted_by_digest(registry: Registry) -> None:
    client = client_of(registry.base)
    config = b"{}"
    path = registry.folder / "config"
    path.write_bytes(config)
    blob = Blob(f"sha256:{hashlib.sha256(config).hexdigest()}", 2, "application/vnd.oci.image.config.v1+json")
    client.upload(blob, path)
    manifest = (
        '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":'
        f'{{"mediaType":"{blob.media_type}","digest":"{blob.digest}","size":2}},"layers":[]}}'
    ).encode()
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    client.put_manifest(manifest, digest)
    client.put_manifest(manifest, "a-tag")
    assert client.digest_at("a-tag") == digest
    client.delete_image(digest)
    assert client.digest_at("a-tag") is None
    client.delete_image(digest)  # gone already


def test_a_registry_that_is_away_is_given_up_in_time(blob: tuple[Blob, Path]) -> None:
    with pytest.raises(RegistryError, match=r"for [12] seconds: .*refused.* Check that it runs") as away:
        client_of(f"127.0.0.1:{free_port()}/dagy").has_blob(blob[0])
    assert away.value.reason is Reason.REGISTRY_UNREACHABLE


class _Server(BaseHTTPRequestHandler):
    """A registry that does as a test says."""

    answers: Callable[[_Server], None]

    @override
    def log_message(self, format: str, *args: object) -> None: ...

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self) -> None:
        type(self).answers(self)

    do_GET = do_HEAD  # noqa: N815
    do_POST = do_HEAD  # noqa: N815
    do_PUT = do_HEAD  # noqa: N815
    do_PATCH = do_HEAD  # noqa: N815


@contextmanager
def serving(answers: Callable[[_Server], None]) -> Iterator[str]:
    handler = type("Handler", (_Server,), {"answers": staticmethod(answers)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}/dagy"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_upload_goes_on_where_it_broke(blob: tuple[Blob, Path]) -> None:
    """The first connection ends in the midst of the blob; the next one sends what is missing."""
    told, path = blob
    received, starts = bytearray(), []

    def answers(request: _Server) -> None:
        if request.command == "POST":
            request.reply(202, Location="/upload/1")
        elif request.command == "PATCH":
            starts.append(len(received))
            size = int(request.headers["Content-Length"])
            if not received:
                received.extend(request.rfile.read(1 << 20))
                request.connection.shutdown(socket.SHUT_RDWR)
                return
            received.extend(request.rfile.read(size))
            request.reply(202, Location="/upload/1")
        elif request.command == "GET":
            request.reply(204, Location="/upload/1", Range=f"0-{len(received) - 1}")
        else:
            request.reply(201)

    with serving(answers) as base:
        client_of(base, idle=10.0).upload(told, path)
    assert bytes(received) == path.read_bytes()
    assert starts == [0, 1 << 20]


def test_what_passes_is_tried_again(blob: tuple[Blob, Path]) -> None:
    asked: list[int] = []

    def answers(request: _Server) -> None:
        asked.append(1)
        request.reply(503 if len(asked) < 3 else 200)

    with serving(answers) as base:
        assert client_of(base, idle=10.0).has_blob(blob[0])
    assert len(asked) == 3


def test_credentials_go_to_nobody_else(blob: tuple[Blob, Path]) -> None:
    """An upload may be led to another server, which must not see the login."""
    seen: list[str | None] = []

    def elsewhere(request: _Server) -> None:
        seen.append(request.headers["Authorization"])
        request.rfile.read(int(request.headers.get("Content-Length", 0)))
        request.reply(201 if request.command == "PUT" else 202)

    with serving(elsewhere) as other:

        def answers(request: _Server) -> None:
            if not request.headers["Authorization"]:
                request.reply(401, WWW_Authenticate='Basic realm="x"')
            else:
                request.reply(202, Location=f"http://{other.partition('/')[0]}/upload")

        with serving(answers) as base:
            client_of(base, Login(USER, PASSWORD)).upload(*blob)
    assert seen == [None, None]


def test_layers_never_leave_tls(blob: tuple[Blob, Path]) -> None:
    client = RegistryClient(Repository.of("r.example/dagy", "ns", "A1B2C3D4"), None, Patience())
    with pytest.raises(RegistryError, match="without TLS"):
        client._place("http://r.example/upload")
    assert client._place("/upload") == "https://r.example/upload"


def test_an_endless_answer_is_read_within_bounds(blob: tuple[Blob, Path]) -> None:
    def answers(request: _Server) -> None:
        request.send_response(400)
        request.end_headers()
        try:
            while True:
                request.wfile.write(b" " * 65536)
        except OSError:
            return

    with serving(answers) as base, pytest.raises(RegistryError, match="it answers 400"):
        client_of(base).put_manifest(b"{}", "tag")
