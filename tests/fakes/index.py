"""A package index (PEP 503) on this machine, of tiny packages that a test makes up."""

from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import html
import io
import json
import ssl
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from tests.cluster.pki import issue, new_authority


@dataclass(frozen=True)
class Release:
    """One file of a release. `requires` are PEP 508 strings; `files` are added to the wheel."""

    name: str
    version: str
    requires: Sequence[str] = ()
    requires_python: str | None = None
    tag: str = "py3-none-any"
    yanked: str | None = None
    sdist: bool = False
    extras: Mapping[str, Sequence[str]] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    entry_points: str = ""
    uploaded: str = ""
    """The time of its upload, RFC 3339 (PEP 700); told in JSON only."""

    @property
    def filename(self) -> str:
        stem = f"{self.name.replace('-', '_')}-{self.version}"
        return f"{stem}.tar.gz" if self.sdist else f"{stem}-{self.tag}.whl"

    def content(self) -> bytes:
        return self._sdist() if self.sdist else self._wheel()

    def metadata(self) -> bytes:
        lines = ["Metadata-Version: 2.1", f"Name: {self.name}", f"Version: {self.version}"]
        lines += [f"Requires-Python: {self.requires_python}"] if self.requires_python else []
        lines += [f"Requires-Dist: {text}" for text in self.requires]
        for extra, requires in self.extras.items():
            lines += [f"Provides-Extra: {extra}", *(f'Requires-Dist: {r} ; extra == "{extra}"' for r in requires)]
        return ("\n".join(lines) + "\n").encode()

    def _wheel(self) -> bytes:
        stem = f"{self.name.replace('-', '_')}-{self.version}"
        info = f"{stem}.dist-info"
        pure = "true" if self.tag.endswith("any") else "false"
        files = {f"{self.name.replace('-', '_')}.py": f"VERSION = {self.version!r}\n".encode(), **self.files}
        files[f"{info}/METADATA"] = self.metadata()
        wheel = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: {pure}\nTag: {self.tag}\n"
        files[f"{info}/WHEEL"] = wheel.encode()
        if self.entry_points:
            files[f"{info}/entry_points.txt"] = self.entry_points.encode()
        files[f"{info}/RECORD"] = record_of(files, f"{info}/RECORD")
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for path, data in files.items():
                archive.writestr(zipfile.ZipInfo(path), data)
        return out.getvalue()

    def _sdist(self) -> bytes:
        stem = f"{self.name.replace('-', '_')}-{self.version}"
        out = io.BytesIO()
        # Without the time, so that the bytes are those that the page gives the hash of.
        with (
            gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w") as archive,
        ):
            for path, data in {f"{stem}/PKG-INFO": self.metadata(), **self.files}.items():
                info = tarfile.TarInfo(path)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        return out.getvalue()


def record_of(files: Mapping[str, bytes], own: str) -> bytes:
    """RECORD of these files; `own` is its path."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for path, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        writer.writerow([path, f"sha256={digest}", len(data)])
    writer.writerow([own, "", ""])
    return text.getvalue().encode()


@dataclass
class Index:
    """A running index; `requests` are the paths asked for."""

    url: str
    releases: list[Release]
    status: int | None = None
    """Answer everything with this HTTP status."""
    status_of: dict[str, int] = field(default_factory=dict)
    """HTTP status for the pages of these packages."""
    speaks_json: bool = False
    """Pages in JSON (PEP 691), else in HTML (PEP 503)."""
    password: str | None = None
    """The password of Basic authentication that is asked for."""
    replaced: dict[str, bytes] = field(default_factory=dict)
    """File name to other bytes than the hash in the index says."""
    requests: list[str] = field(default_factory=list)
    sent: dict[str, str] = field(default_factory=dict)
    """Path to the header Authorization that came with it last."""
    pages: dict[str, str] = field(default_factory=dict)
    """Name to its page in HTML, in place of the one that its releases make."""
    moved: dict[str, str] = field(default_factory=dict)
    """Path to the URL that it redirects to."""
    names: Sequence[str] | None = None
    """What its list of all names holds, beside those of its releases; without it there is no such list."""
    etags: bool = False
    """Answers with 200 have an ETag, and with that of a request's If-None-Match become 304."""
    raw: dict[str, Callable[[], Iterator[bytes]]] = field(default_factory=dict)
    """Path to a body that is sent as it comes, in place of any other answer; its connection is closed at its end."""
    raw_headers: dict[str, str] = field(default_factory=dict)
    """Headers of such answers."""
    agents: set[str] = field(default_factory=set)
    """Values of the header User-Agent."""

    def answer(self, path: str, authorization: str) -> tuple[int, str, bytes]:
        self.requests.append(path)
        self.sent[path] = authorization
        if path in self.moved:
            return 302, "text/plain", self.moved[path].encode()
        if self.status:
            return self.status, "text/plain", b"no"
        if self.password is not None:
            given = base64.b64decode(authorization.removeprefix("Basic ")).decode() if authorization else ""
            if not given.endswith(f":{self.password}"):
                return 401, "text/plain", b"who are you?"
        kind, _, rest = path.strip("/").partition("/")
        if kind == "simple" and not rest and self.names is not None:
            return self._names({*self.names, *(release.name for release in self.releases)})
        if kind == "simple" and rest:
            return self._page(unquote(rest.strip("/")))
        for release in self.releases:
            if kind == "files" and rest == release.filename:
                return 200, "application/octet-stream", self.replaced.get(rest) or release.content()
        return 404, "text/plain", b"nothing here"

    def _names(self, names: set[str]) -> tuple[int, str, bytes]:
        if self.speaks_json:
            projects = [{"_last-serial": 1, "name": name} for name in sorted(names)]
            page = {"meta": {"api-version": "1.1"}, "projects": projects}
            return 200, "application/vnd.pypi.simple.v1+json", json.dumps(page).encode()
        links = "\n".join(f'<a href="/simple/{canonicalize_name(name)}/">{name}</a><br>' for name in sorted(names))
        return 200, "text/html", f"<!DOCTYPE html><html><body>{links}</body></html>".encode()

    def _page(self, name: str) -> tuple[int, str, bytes]:
        if name in self.status_of:
            return self.status_of[name], "text/plain", b"no"
        if name in self.pages:
            return 200, "text/html", self.pages[name].encode()
        mine = [release for release in self.releases if canonicalize_name(release.name) == canonicalize_name(name)]
        if not mine:
            return 404, "text/plain", b"no such package"
        return self._json(name, mine) if self.speaks_json else _html(mine)

    def _json(self, name: str, mine: Sequence[Release]) -> tuple[int, str, bytes]:
        files = []
        for release in mine:
            entry: dict[str, object] = {
                "filename": release.filename,
                "url": f"../../files/{release.filename}",
                "hashes": {"sha256": hashlib.sha256(release.content()).hexdigest()},
                "yanked": False if release.yanked is None else release.yanked or True,
            }
            if release.requires_python:
                entry["requires-python"] = release.requires_python
            if release.uploaded:
                entry["upload-time"] = release.uploaded
            entry["size"] = len(release.content())
            files.append(entry)
        versions = sorted({release.version for release in mine})
        page = {"meta": {"api-version": "1.1"}, "name": name, "files": files, "versions": versions}
        return 200, "application/vnd.pypi.simple.v1+json", json.dumps(page).encode()


def _html(mine: Sequence[Release]) -> tuple[int, str, bytes]:
    lines = []
    for release in mine:
        digest = hashlib.sha256(release.content()).hexdigest()
        attributes = ""
        if release.requires_python:
            attributes += f' data-requires-python="{html.escape(release.requires_python)}"'
        if release.yanked is not None:
            attributes += f' data-yanked="{html.escape(release.yanked)}"'
        file = release.filename
        lines.append(f'<a href="../../files/{file}#sha256={digest}"{attributes}>{file}</a>')
    return 200, "text/html", ("<!DOCTYPE html><html><body>" + "\n".join(lines) + "</body></html>").encode()


@dataclass(frozen=True)
class Authority:
    """A certificate authority of its own, and the certificates that it signed."""

    certificate: Path
    server: tuple[Path, Path]
    """Certificate and key of a server at 127.0.0.1."""

    @classmethod
    def made_in(cls, folder: Path) -> Authority:
        made = cls(folder / "ca.crt", (folder / "index.crt", folder / "index.key"))
        root = new_authority("tests")
        key, certificate = issue(root, "index", hosts=["127.0.0.1"])
        for path, content in zip((made.certificate, *made.server), (root.pem, certificate, key), strict=True):
            path.write_bytes(content)
        return made


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # uv asks for 50 pages at once; those that don't fit the queue come a second later
    index: Index


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        index = self.server.index
        index.agents.add(self.headers.get("User-Agent", ""))
        if self.path in index.raw:
            self._send_raw(index.raw[self.path]())
            return
        status, kind, body = index.answer(self.path, self.headers.get("Authorization", ""))
        etag = f'"{hashlib.sha256(body).hexdigest()}"' if index.etags and status == 200 else ""
        if etag and self.headers.get("If-None-Match") == etag:
            status, body = 304, b""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if etag:
            self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(body)))
        if status == 302:
            self.send_header("Location", body.decode())
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _send_raw(self, body: Iterator[bytes]) -> None:
        index = self.server.index
        index.requests.append(self.path)
        self.send_response(200)
        for name, value in index.raw_headers.items():
            self.send_header(name, value)
        self.end_headers()
        for chunk in body:
            self.wfile.write(chunk)

    do_HEAD = do_GET  # noqa: N815 http.server's name

    def handle(self) -> None:
        with suppress(OSError):  # a client that doesn't trust the certificate hangs up
            super().handle()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 http.server's name
        """Quiet."""


@contextmanager
def serve(*releases: Release, tls: tuple[Path, Path] | None = None) -> Iterator[Index]:
    """An index of these releases at 127.0.0.1 while the block runs; `tls` are a certificate and its key, in PEM."""
    server = _Server(("127.0.0.1", 0), _Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    scheme = "https" if tls else "http"
    index = Index(f"{scheme}://127.0.0.1:{server.server_address[1]}/simple/", list(releases))
    server.index = index
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
