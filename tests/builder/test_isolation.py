"""Package code runs only where the Kubernetes API can't be reached; a policy that comes a moment late is waited for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from dagy_builder.contract import BuildRequest, Fault, Reason
from dagy_builder.failure import StepError
from dagy_builder.isolation import await_isolation

ALLOW = BuildRequest("3.12", source_distributions="Allow")


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield listening


def _environment(server: socket.socket) -> dict[str, str]:
    return {
        "DAGY_ISOLATION": "required",
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT_HTTPS": str(server.getsockname()[1]),
    }


def test_an_open_network_is_refused_with_what_to_do(server: socket.socket) -> None:
    with pytest.raises(StepError, match=r"reaches the Kubernetes API \(127\.0\.0\.1\)") as caught:
        await_isolation(ALLOW, _environment(server), within=0.3)
    assert (caught.value.reason, caught.value.fault) == (Reason.NOT_ISOLATED, Fault.INFRASTRUCTURE)
    assert "DAGY_NETWORK_POLICY_REQUIRED" in caught.value.message


def test_a_policy_that_comes_late_is_waited_for(server: socket.socket) -> None:
    def close_after_some_tries() -> None:
        for _ in range(3):
            server.accept()[0].close()
        # Not close alone: a thread that waits in accept would keep the socket.
        server.shutdown(socket.SHUT_RDWR)

    closer = threading.Thread(target=close_after_some_tries)
    closer.start()
    await_isolation(ALLOW, _environment(server), within=30)
    closer.join()


@pytest.mark.parametrize(
    ("request_", "environment"),
    [
        (BuildRequest("3.12"), {"DAGY_ISOLATION": "required"}),
        (ALLOW, {"DAGY_ISOLATION": ""}),
        (ALLOW, {"DAGY_ISOLATION": "required", "KUBERNETES_SERVICE_HOST": ""}),
    ],
    ids=["wheels only", "not required", "no cluster"],
)
def test_nothing_is_asked_where_it_does_not_matter(
    server: socket.socket, request_: BuildRequest, environment: dict[str, str]
) -> None:
    await_isolation(request_, {**_environment(server), **environment}, within=0.0)
