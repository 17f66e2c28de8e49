"""What a request may cost before it is known whose it is, and after: bodies in bytes, time and shape; connections."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from dagy.web.serving import connections
from dagy.web.serving.gate import Allowance, BodyTooSlowError, Gate
from tests.cluster.doctor import free_port
from tests.fakes.api import Api

FAR = 30.0
"""Seconds after which a busy machine is no excuse any more."""


def sent(url: str, head: str, body: bytes = b"") -> bytes:
    """What comes back for a request that is sent no further than that."""
    where = urlsplit(url)
    with socket.create_connection((where.hostname, where.port or 80), timeout=FAR) as connection:
        connection.sendall(head.encode() + b"\r\nHost: x\r\n\r\n" + body)
        return connection.recv(65536)


@pytest.mark.apiserver
@pytest.mark.parametrize("token", ["", "\r\nAuthorization: Bearer invented"])
def test_whose_it_is_is_asked_before_the_body_is_read(api: Api, token: str) -> None:
    head = f"POST /dep-packages HTTP/1.1\r\nContent-Length: 200000{token}"
    assert sent(api.url, head).startswith(b"HTTP/1.1 401 ")


@pytest.mark.apiserver
def test_an_answer_names_twenty_errors_and_how_many_more(api: Api) -> None:
    body = {"namespace": "team-a", "name": "x", "python_version": "3.12", "dependencies": ["idna"]}
    with api.client("alice") as client:
        answer = client.post("/dep-packages", json={**body, **{f"unknown-{n}": 0 for n in range(500)}})
    assert answer.status_code == 422
    errors = answer.json()["errors"]
    assert len(errors) == 21
    assert errors[-1]["message"] == "and 480 more"


HOSTILE_SHAPES = {
    "fields": "{" + ",".join(f'"{n}":0' for n in range(20_000)) + "}",
    "values": '{"dependencies":[' + "0," * 100_000 + "0]}",
    "levels": '{"a":' * 20_000 + "0" + "}" * 20_000,
}


@pytest.mark.apiserver
@pytest.mark.parametrize("body", HOSTILE_SHAPES.values(), ids=HOSTILE_SHAPES)
@pytest.mark.parametrize(("method", "path"), [("POST", "/dep-packages"), ("PATCH", "/dep-packages/team-a/none")])
def test_bodies_of_hostile_shape_are_refused_with_one_sentence(api: Api, method: str, path: str, body: str) -> None:
    with api.client("alice") as client:
        answer = client.request(method, path, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "InvalidRequest")
    assert answer.json()["detail"].startswith("The body can't be read. ")
    assert len(answer.content) < 1000


@pytest.mark.apiserver
def test_the_process_answers_beside_the_largest_bodies(api: Api) -> None:
    """A second of parsing and a list of errors as long as they come, four callers at once."""
    lines = "".join(f"p{n}>=1,<2\n" for n in range(4_900))
    parse = json.dumps({"text": lines, "python_version": "3.12", "architecture": "amd64"})
    create = json.dumps({"namespace": "team-a", **{f"u{n}": 0 for n in range(990)}, "dependencies": ["a b"] * 3_000})
    stop, statuses = threading.Event(), set[int]()

    def load(path: str, body: str) -> None:
        with api.client("alice") as client:
            while not stop.is_set():
                answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
                statuses.add(answer.status_code)

    threads = [threading.Thread(target=load, args=pair) for pair in 2 * (("/dep-packages:parse", parse), ("/dep-packages", create))]  # fmt: skip
    for thread in threads:
        thread.start()
    seconds = []
    try:
        with httpx.Client(base_url=api.url, timeout=FAR) as client:
            while not ({200, 422} <= statuses and len(seconds) >= 40):
                began = time.monotonic()
                assert client.get("/healthz").status_code == 200
                seconds.append(time.monotonic() - began)
                assert len(seconds) < 20_000, statuses
    finally:
        stop.set()
        for thread in threads:
            thread.join(FAR)
    print(f"/healthz: {max(seconds):.3f} s at most, of {len(seconds)}")
    assert max(seconds) < 10, "in one loop with the parser it took as long as all of them together"
    assert statuses == {200, 422}


def gate(**options: Any) -> tuple[Gate, list[Exception]]:
    seen: list[Exception] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse((await receive())["body"])(scope, receive, send)

    def refused(error: Exception) -> Response:
        seen.append(error)
        return PlainTextResponse(type(error).__name__, 400)

    async def anybody(_: Scope) -> str:
        return "somebody"

    given = {"allowance": lambda _: Allowance(), "bytes_in_flight": 1 << 20, "admit": anybody, "refused": refused}
    return Gate(app, **{**given, **options}), seen


async def told(gate: Gate, receive: Callable[[], Any], **headers: str) -> list[Message]:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    await gate({"type": "http", "method": "POST", "path": "/", "headers": named}, receive, send)
    return messages


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    slow, seen = gate(allowance=lambda _: Allowance(body_seconds=0.01))

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    assert asyncio.run(told(slow, never, content_length="5"))[0]["status"] == 400
    assert [type(error) for error in seen] == [BodyTooSlowError]


@pytest.mark.parametrize(
    ("announced", "ends"), [({"content_length": "5"}, True), ({"content_length": "0"}, False), ({}, False)]
)
def test_a_refusal_before_the_body_ends_the_connection(announced: dict[str, str], ends: bool) -> None:
    """Its rest would be taken for the next request, and whoever sends that would be cut off without an answer."""

    async def nobody(_: Scope) -> str:
        raise PermissionError

    async def never() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    start, *_ = asyncio.run(told(gate(admit=nobody)[0], never, **announced))
    assert start["status"] == 400
    assert ((b"connection", b"close") in start["headers"]) is ends


def test_a_client_who_goes_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    plain, seen = gate()

    async def gone() -> Message:
        return {"type": "http.disconnect"}

    assert asyncio.run(told(plain, gone, content_length="5")) == []
    assert not seen
    assert not caplog.records


def test_all_bodies_together_have_a_bound_and_so_has_each_callers_share() -> None:
    async def both() -> list[int]:
        tight, _ = gate(bytes_in_flight=10, requests_each=2)
        reading, go = asyncio.Event(), asyncio.Event()

        async def waiting() -> Message:
            reading.set()
            await go.wait()
            return {"type": "http.request", "body": b"12345678"}

        async def at_once() -> Message:
            return {"type": "http.request", "body": b""}

        first = asyncio.create_task(told(tight, waiting, content_length="8"))
        await reading.wait()
        refused = await told(tight, at_once, content_length="8")
        second = asyncio.create_task(told(tight, waiting, content_length="0"))
        await asyncio.sleep(0)
        third = await told(tight, at_once, content_length="0")
        go.set()
        again = await first
        await second
        return [m[0]["status"] for m in (refused, third, again, await told(tight, at_once, content_length="8"))]

    assert asyncio.run(both()) == [400, 400, 200, 200]


@contextmanager
def served(monkeypatch: pytest.MonkeyPatch, **limits: float) -> Iterator[int]:
    """A plain app behind the server that API and webhook use, with other limits."""
    for name, value in limits.items():
        monkeypatch.setattr(connections, name, value)
    port, started = free_port(), threading.Event()
    app, _ = gate(allowance=lambda _: None)
    server = connections.server(app, "127.0.0.1", port)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]

    async def run() -> None:
        task = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        started.set()
        await task

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert started.wait(FAR)
    try:
        yield port
    finally:
        server.should_exit = True
        thread.join(FAR)


def ended(connection: socket.socket) -> bool:
    """Waits for the other side's end."""
    connection.settimeout(FAR)
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-A: "])
def test_connections_that_say_nothing_or_little_end(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    with served(monkeypatch, HEAD_SECONDS=0.2) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(said)
        assert ended(connection)


def test_more_connections_than_there_may_be_end_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with served(monkeypatch, MAX_CONNECTIONS=2, HEAD_SECONDS=FAR) as port:
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
        with socket.create_connection(("127.0.0.1", port)) as third:
            assert ended(third)
        for connection in held:
            connection.close()


def test_tls_contexts_are_what_the_server_is_given() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server = connections.server(gate()[0], "127.0.0.1", 0, lambda: context)
    server.config.load()
    assert server.config.ssl is context
