"""What is sent again, what is not, and what is said then."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from dagy.client import ApiError, Client, NotFoundError, UnreachableError
from dagy.client.http import retry
from dagy.model.rest.packages import DepPackageBody

PACKAGE = {
    "id": "1", "namespace": "team-a", "name": "ml", "python_version": "3.12", "dependencies": ["six"], "created_at": "2026-11-25T09:00:00Z",
    "updated_at": "2026-11-25T09:00:00Z", "build_status": "PENDING", "settled": False, "etag": '"1"',
}  # fmt: skip
BODY = DepPackageBody(python_version="3.12", dependencies=["six"])
Say = Callable[[httpx.Request], httpx.Response]
Act = Callable[[Any], Any]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_delay", lambda _: 0.0)


class Server:
    """Plays answers in their order, the last one for ever; an exception is no answer."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers, self.methods = list(answers), list[str]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.methods.append(request.method)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer, text=json.dumps(PACKAGE) if answer < 300 else "")


def run(say: Say, act: Act) -> Any:
    with Client.from_transport(httpx.MockTransport(say), namespace="team-a") as client:
        return act(client)


@pytest.mark.parametrize(
    "act",
    [
        lambda client: client.packages.save("ml", BODY, etag='"1"'),
        lambda client: client.packages.change("ml", {"description": "x"}, etag='"1"'),
    ],
    ids=["PUT", "PATCH"],
)
def test_what_depends_on_a_state_is_not_sent_again_when_it_may_have_changed_that_state(act: Act) -> None:
    server = Server(502, 412)
    with pytest.raises(ApiError, match="answered 502"):
        run(server, act)
    assert len(server.methods) == 1
    server = Server(httpx.ReadError("reset"), 412)
    with pytest.raises(UnreachableError, match="Whether it was done is not known"):
        run(server, act)
    assert len(server.methods) == 1


@pytest.mark.parametrize("first", [503, httpx.ConnectError("refused")], ids=str)
def test_what_was_not_carried_out_is_sent_again(first: int | Exception) -> None:
    server = Server(first, 200)
    run(server, lambda client: client.packages.save("ml", BODY, etag='"1"'))
    assert server.methods == ["PUT", "PUT"]


def test_what_an_earlier_attempt_has_deleted_is_deleted() -> None:
    server = Server(502, 404)
    run(server, lambda client: client.packages.delete("ml"))
    assert server.methods == ["DELETE", "DELETE"]
    with pytest.raises(NotFoundError):
        run(Server(404), lambda client: client.packages.delete("ml"))
    with pytest.raises(NotFoundError):
        run(Server(503, 404), lambda client: client.packages.delete("ml"))


def test_where_nobody_listens_for_a_while() -> None:
    server = Server(*[httpx.ConnectError("refused")] * (retry.CONNECTION_ATTEMPTS - 1), 200)
    assert run(server, lambda client: client.packages.get("ml")).name == "ml"
    server = Server(httpx.ConnectError("refused"))
    with pytest.raises(UnreachableError, match=f"cannot be reached, {retry.CONNECTION_ATTEMPTS} times: refused"):
        run(server, lambda client: client.packages.get("ml"))


def test_a_log_is_asked_for_until_somebody_listens() -> None:
    server = Server(httpx.ConnectError("refused"), 503, 200)
    lines = run(server, lambda client: list(client.packages.logs("ml", follow=True)))
    assert (server.methods, len(lines)) == (["GET"] * 3, 1)


@pytest.mark.parametrize(
    "cause", [ssl.SSLCertVerificationError("self-signed"), socket.gaierror(-2, "unknown")], ids=str
)
def test_what_another_attempt_would_meet_again_is_told_at_once(cause: Exception) -> None:
    error = httpx.ConnectError(str(cause))
    error.__cause__ = cause
    server = Server(error)
    with pytest.raises(UnreachableError):
        run(server, lambda client: client.packages.get("ml"))
    assert len(server.methods) == 1
