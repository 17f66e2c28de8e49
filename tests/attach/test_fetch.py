"""The init container against an API with TLS and a store: real servers in this process that misbehave on demand."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import re
import ssl
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dagy.attach import __main__ as program
from dagy.attach import download
from dagy.attach.failure import AttachError, UnavailableError
from dagy.attach.fetch import Fetcher
from dagy.attach.http import Client
from dagy.attach.spec import AttachItem, AttachSpec
from tests.cluster import pki


@dataclass
class World:
    """An API and a store. `store_answers` and `api_answers` come first, before either does its work."""

    authority: str = ""
    api: str = ""
    store: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    store_answers: list[int] = field(default_factory=list)
    api_answers: list[tuple[int, bytes]] = field(default_factory=list)
    generation: int = 0
    expired: int = 0
    """URLs of this generation and older ones are refused."""
    ranges: list[str] = field(default_factory=list)
    asked: list[tuple[str | None, dict[str, Any]]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def item(self, slug: str, content: dict[str, bytes], limit: int = 1 << 20) -> AttachItem:
        """Put a ZIP into the store."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
            for name, data in content.items():
                out.writestr(name, data)
        data = file.getvalue()
        sha256 = hashlib.sha256(data).hexdigest()
        self.objects[sha256] = data
        return AttachItem(slug, sha256, len(data), limit)

    def order(self, *items: AttachItem) -> AttachSpec:
        return AttachSpec.from_text(AttachSpec(self.api, items, "team-a", "etl").to_text())

    def fetch(self, root: Path, *items: AttachItem, deadline_seconds: float = 10.0) -> None:
        Fetcher(self.order(*items), Client(self.authority), lambda: "token", self.lines.append, deadline_seconds).fetch(
            root
        )


class Handler(http.server.BaseHTTPRequestHandler):
    world: World

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)


class Api(Handler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.world.asked.append((self.headers["Authorization"], body))
        if self.world.api_answers:
            self.answer(*self.world.api_answers.pop(0))
            return
        self.world.generation += 1
        wanted = [
            one["sha256"] for one in [*body["artifacts"], *([body["flow_artifact"]] if "flow_artifact" in body else [])]
        ]
        signed = [{"sha256": s, "url": f"{self.world.store}/{s}?g={self.world.generation}"} for s in wanted]
        self.answer(200, json.dumps({"artifacts": signed}).encode())


class Store(Handler):
    def do_GET(self) -> None:
        path, _, generation = self.path[1:].partition("?g=")
        if self.world.store_answers:
            self.answer(self.world.store_answers.pop(0), b"")
            return
        if int(generation) <= self.world.expired:
            self.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
            return
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
        assert found
        self.world.ranges.append(found[0])
        start, end, data = int(found[1]), int(found[2]), self.world.objects.get(path)
        if data is None:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        if start >= len(data):
            self.answer(416, b"", Content_Range=f"bytes */{len(data)}")
            return
        self.answer(206, data[start : end + 1], Content_Range=f"bytes {start}-{end}/{len(data)}")


@contextmanager
def served(handler: type[Handler], world: World, trust: ssl.SSLContext | None = None) -> Iterator[int]:
    bound = type(handler.__name__, (handler,), {"world": world})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), bound) as server:
        if trust:
            server.socket = trust.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World()
    authority = pki.new_authority("test")
    key, certificate = pki.issue(authority, "api", hosts=["127.0.0.1"])
    (tmp_path / "api.pem").write_bytes(key + certificate)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(tmp_path / "api.pem")
    found.authority = authority.pem.decode()
    with served(Api, found, trust) as api, served(Store, found) as store:
        found.api, found.store = f"https://127.0.0.1:{api}", f"http://127.0.0.1:{store}"
        yield found


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "dagy"
    folder.mkdir()
    return folder


def test_packages_and_flow_lie_where_they_belong(world: World, root: Path) -> None:
    first, second = world.item("A1B2C3D4", {"a/x.py": b"a"}), world.item("X9Y8Z7W6", {"b.py": b"b"})
    flow = world.item("", {"main.py": b"m"})
    world.fetch(root, first, second, flow)
    files = {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    assert files == {"packages/A1B2C3D4/a/x.py": b"a", "packages/X9Y8Z7W6/b.py": b"b", "flow/main.py": b"m"}
    ((authorization, body),) = world.asked
    assert authorization == "Bearer token"
    assert body == {
        "artifacts": [{"slug": one.slug, "sha256": one.sha256} for one in (first, second)],
        "flow_artifact": {"namespace": "team-a", "deployment": "etl", "sha256": flow.sha256},
    }
    world.fetch(root, first, second, flow)
    assert len(world.asked) == 1, "what is there is not fetched again, nor asked for"


def test_folders_for_images_are_there_before_the_volume_is_read_only(world: World, root: Path) -> None:
    item = world.item("A1B2C3D4", {"a.py": b"a"})
    spec = AttachSpec.from_text(AttachSpec(world.api, (item,), mount_points=("X9Y8Z7W6",)).to_text())
    assert spec.mount_points == ("X9Y8Z7W6",)
    for _ in range(2):  # the container may be started again
        Fetcher(spec, Client(world.authority), lambda: "token", world.lines.append, 10.0).fetch(root)
    assert (root / "packages/X9Y8Z7W6").is_dir()
    assert len(world.asked) == 1


def test_parts_are_put_together(world: World, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_PART_BYTES", 100)
    content = bytes(range(256)) * 40
    item = world.item("A1B2C3D4", {"f": hashlib.sha256(content).digest() * 50})
    world.fetch(root, item)
    assert len(world.ranges) == -(-item.size_bytes // 100)
    assert (root / "packages/A1B2C3D4/f").read_bytes() == hashlib.sha256(content).digest() * 50


def test_other_bytes_than_announced_are_not_used(world: World, root: Path) -> None:
    item = world.item("A1B2C3D4", {"a.py": b"a"})
    data = bytearray(world.objects[item.sha256])
    data[40] ^= 1
    world.objects[item.sha256] = bytes(data)
    with pytest.raises(AttachError, match=f"instead of {item.sha256}; nothing of it was used") as caught:
        world.fetch(root, item)
    assert caught.value.exit_code == 65
    assert not list(root.rglob("*"))
    assert len(world.ranges) == 1, "it is not tried again"


def test_what_is_away_for_a_while_is_waited_for(world: World, root: Path) -> None:
    world.store_answers = [503, 500, 200]
    world.api_answers = [(503, b"busy"), (500, b"")]
    world.fetch(root, world.item("A1B2C3D4", {"a.py": b"a"}))
    assert (root / "packages/A1B2C3D4/a.py").exists()
    assert sum("Trying again" in line for line in world.lines) == 5


def test_what_stays_away_is_told(world: World, root: Path) -> None:
    item = world.item("A1B2C3D4", {"a.py": b"a"})
    world.store_answers = [503] * 99
    with pytest.raises(UnavailableError, match=r"The store at 127.0.0.1:\d+ answers 503") as caught:
        world.fetch(root, item, deadline_seconds=0.5)
    assert caught.value.exit_code == 75
    world.api = "https://127.0.0.1:1"
    with pytest.raises(UnavailableError, match=r"The API at 127.0.0.1:1 does not answer"):
        world.fetch(root, item, deadline_seconds=0.1)


@pytest.mark.parametrize(
    ("slug", "instead", "says"),
    [
        ("A1B2C3D4", None, "The ZIP of package A1B2C3D4 is gone: .* has no such object. .* dagy.io/build "),
        ("A1B2C3D4", b"longer than a ZIP " * 99, "has 1782 bytes instead of [0-9]+ there. The operator looks"),
        ("A1B2C3D4", b"", "has 0 bytes instead of [0-9]+ there. The operator looks"),
        ("", None, "The ZIP of the flow's own code is gone: .* Deploy the flow again"),
    ],
)
def test_a_zip_that_is_gone_is_no_store_that_is_away(
    world: World, root: Path, slug: str, instead: bytes | None, says: str
) -> None:
    item = world.item(slug, {"a.py": b"1"})
    if instead is None:
        del world.objects[item.sha256]
    else:
        world.objects[item.sha256] = instead
    with pytest.raises(AttachError, match=says) as error:
        world.fetch(root, item, deadline_seconds=600)
    assert not isinstance(error.value, UnavailableError)


def test_a_url_whose_time_is_over_is_replaced(world: World, root: Path) -> None:
    world.expired = 1
    world.fetch(root, world.item("A1B2C3D4", {"a.py": b"a"}))
    assert world.generation == 2


def test_the_apis_own_sentence_is_told(world: World, root: Path) -> None:
    problem = {"title": "Not Found", "detail": "No package has the slug A1B2C3D4. Check it."}
    world.api_answers = [(404, json.dumps(problem).encode())]
    with pytest.raises(AttachError, match=r"refuses the packages \(404\): No package has the slug A1B2C3D4. Check it."):
        world.fetch(root, world.item("A1B2C3D4", {"a.py": b"a"}))


def test_only_the_announced_authority_is_trusted(world: World, root: Path) -> None:
    world.authority = pki.new_authority("somebody else").pem.decode()
    with pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        world.fetch(root, world.item("A1B2C3D4", {"a.py": b"a"}), deadline_seconds=0.1)


@pytest.mark.parametrize("answer", [b"[]", b'{"artifacts": [{}]}', b'{"artifacts": []}', b"{"])
def test_answers_that_make_no_sense(world: World, root: Path, answer: bytes) -> None:
    world.api_answers = [(200, answer)]
    item = world.item("A1B2C3D4", {"a.py": b"a"})
    if answer == b"{":  # cut off on the way: worth another try
        world.fetch(root, item)
    else:
        with pytest.raises(AttachError, match="The API's answer has no URL"):
            world.fetch(root, item)


def test_one_failure_ends_all(world: World, root: Path) -> None:
    good, bad = world.item("A1B2C3D4", {"a.py": b"a"}), world.item("X9Y8Z7W6", {"/etc/x": b"a"})
    with pytest.raises(AttachError, match="leads elsewhere"):
        world.fetch(root, good, bad)
    assert not (root / "packages/X9Y8Z7W6").exists()


def test_the_program(
    world: World, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    item = world.item("A1B2C3D4", {"a.py": b"a"})
    (tmp_path / "token").write_text("token\n")
    for name, value in (("ROOT", root), ("TOKEN_FOLDER", tmp_path), ("_TERMINATION_LOG", tmp_path / "message")):
        monkeypatch.setattr(program, name, value)
    monkeypatch.setenv("DAGY_ATTACH", world.order(item).to_text())
    monkeypatch.setenv("DAGY_API_CA", world.authority)
    assert program.main() == 0
    assert world.asked[0][0] == "Bearer token"
    assert "1 attached in" in capsys.readouterr().err
    world.objects[item.sha256] = b"x" * item.size_bytes
    (root / "packages/A1B2C3D4").rename(root / "elsewhere")
    assert program.main() == 65
    message = (tmp_path / "message").read_text()
    assert message.startswith("The artifact of package A1B2C3D4 has SHA-256")
    assert capsys.readouterr().err.splitlines()[-1] == message
    monkeypatch.setenv("DAGY_ATTACH", "{}")
    assert program.main() == 70
