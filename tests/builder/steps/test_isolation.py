"""Package code runs only where the network is seen to be closed; a policy that comes a moment late is waited for.

The step's own process is closed to what it starts.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from dagy_builder.contract import BuildRequest, Fault, Reason
from dagy_builder.failure import StepError
from dagy_builder.steps import isolation
from dagy_builder.steps.isolation import await_isolation

ALLOW = BuildRequest("3.12", source_distributions="Allow")


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        yield listening


@pytest.fixture(autouse=True)
def _closed_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine may have a metadata service."""
    monkeypatch.setattr(isolation, "_METADATA", ("127.0.0.1", 1))


def _environment(server: socket.socket | None = None) -> dict[str, str]:
    return {
        "DAGY_ISOLATION": "required",
        "DAGY_NODE_IP": "127.0.0.1",
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT_HTTPS": str(server.getsockname()[1] if server else 1),
    }


def _wait(environment: dict[str, str], within: float, *, answers: bool = True, refused_for: float = 0.0) -> None:
    await_isolation(ALLOW, environment, within, refused_for=refused_for, answers=lambda: answers)


@pytest.mark.parametrize("place", ["the Kubernetes API", "its node's kubelet", "the metadata service"])
def test_an_open_network_is_refused_with_what_to_do(
    server: socket.socket, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.getsockname()[1]
    if place == "its node's kubelet":
        monkeypatch.setattr(isolation, "_KUBELET_PORT", port)
    if place == "the metadata service":
        monkeypatch.setattr(isolation, "_METADATA", ("127.0.0.1", port))
    with pytest.raises(StepError, match=rf"reaches {place} \(127\.0\.0\.1\)") as caught:
        _wait(_environment(server if place == "the Kubernetes API" else None), 0.3)
    assert (caught.value.reason, caught.value.fault) == (Reason.NOT_ISOLATED, Fault.INFRASTRUCTURE)
    assert "DAGY_NETWORK_POLICY_REQUIRED" in caught.value.message


def test_one_failed_connection_is_no_isolation(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API server that starts again refuses as well, and answers a moment later."""
    api = iter([False, False, True])

    def reaches(place: isolation.Place) -> bool:
        return next(api, True) if place.what == "the Kubernetes API" else False

    monkeypatch.setattr(isolation, "_reaches", reaches)
    with pytest.raises(StepError, match="reaches the Kubernetes API"):
        _wait(_environment(), 0.5)


def test_refusals_have_to_last(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(isolation, "_reaches", lambda place: bool(asked.append(place.what)))
    _wait(_environment(), 30, refused_for=0.6)
    assert len(asked) >= 9
    with pytest.raises(StepError, match=r"."):
        _wait(_environment(), 0.3, refused_for=30)


def test_where_nothing_answers_nothing_is_known() -> None:
    with pytest.raises(StepError, match="nothing answers in this pod, its DNS included") as caught:
        _wait(_environment(), 0.3, answers=False)
    assert caught.value.reason == Reason.NOT_ISOLATED


@pytest.mark.parametrize("host", ["", None])
def test_where_the_api_is_has_to_be_known(host: str | None) -> None:
    environment = _environment()
    del environment["KUBERNETES_SERVICE_HOST"]
    if host is not None:
        environment["KUBERNETES_SERVICE_HOST"] = host
    with pytest.raises(StepError, match="KUBERNETES_SERVICE_HOST") as caught:
        _wait(environment, 5)
    assert caught.value.reason == Reason.NOT_ISOLATED


@pytest.mark.parametrize(
    ("code", "answered"),
    [(None, True), (socket.EAI_NONAME, True), (socket.EAI_AGAIN, False), (socket.EAI_FAIL, False)],
)
def test_what_counts_as_an_answer_of_dns(code: int | None, answered: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_: object) -> list[object]:
        if code is not None:
            raise socket.gaierror(code, "")
        return []

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    assert isolation._dns_answers() is answered


def test_a_policy_that_comes_late_is_waited_for(server: socket.socket) -> None:
    def close_after_some_tries() -> None:
        for _ in range(3):
            server.accept()[0].close()
        # Not close alone: a thread that waits in accept would keep the socket.
        server.shutdown(socket.SHUT_RDWR)

    closer = threading.Thread(target=close_after_some_tries)
    closer.start()
    _wait(_environment(server), 30)
    closer.join()


@pytest.mark.parametrize(
    ("request_", "environment"),
    [(BuildRequest("3.12"), {"DAGY_ISOLATION": "required"}), (ALLOW, {"DAGY_ISOLATION": ""})],
    ids=["wheels only", "not required"],
)
def test_nothing_is_asked_where_it_does_not_matter(
    server: socket.socket, request_: BuildRequest, environment: dict[str, str]
) -> None:
    await_isolation(request_, {**_environment(server), **environment}, within=0.0)


# Root may look into everything, so it becomes somebody else; that hides a process, until it is told otherwise.
_STEP = """
import ctypes, os, sys
from dagy_builder.steps.isolation import hide_from_package_code
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
if sys.argv[1] == "hidden":
    hide_from_package_code()
reader, writer = os.pipe()
step = os.getpid()
if os.fork() == 0:
    opened = 0
    for path, flags in ((f"/proc/{step}/mem", os.O_RDWR), (f"/proc/{step}/fd/{writer}", os.O_WRONLY)):
        try:
            os.close(os.open(path, flags))
        except PermissionError:
            continue
        opened += 1
    os._exit(opened)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def _opened(how: str) -> int:
    return subprocess.run([sys.executable, "-c", _STEP, how], check=False, timeout=60).returncode


def test_memory_and_open_files_of_the_step_are_closed_to_package_code() -> None:
    assert _opened("as it is") == 2, "or this machine hides them anyway, and the test shows nothing"
    assert _opened("hidden") == 0
