"""`dagy console`: who reaches the API through it, and what arrives there."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from dagy.adapters import api_access
from dagy.cli import main
from dagy.commands import console
from dagy.commands.forwarding import LocalProxy, serving
from dagy.commands.options import Api
from dagy_builder.storage.store import ObjectStore
from tests.fakes.api import unique
from tests.fakes.operator import PlayedOperator
from tests.fakes.tls import Served, served, until

VARIABLES = ("DAGY_API_URL", "DAGY_API_TOKEN", "DAGY_CA_FILE", "DAGY_S3_BUCKET")


@pytest.fixture(scope="module")
def api(kubeconfig: str, objects: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The API, and the account thea, who may edit team-b and nothing else."""
    with served(kubeconfig, tmp_path_factory.mktemp("console"), DAGY_S3_BUCKET=objects.bucket) as running:
        running.users.create("thea", edits="team-b")
        yield running


@pytest.fixture
def proxy(api: Served) -> Iterator[LocalProxy]:
    headers = {"Authorization": f"Bearer {api.users.token('thea')}"}

    def authorized(request: httpx.Request) -> httpx.Request:
        request.headers.update(headers)
        return request

    with (
        httpx.Client(base_url=api.url, verify=api.context(None), auth=authorized) as upstream,
        serving(LocalProxy(upstream)) as proxy,
    ):
        yield proxy


def browser(proxy: LocalProxy, key: str | None = None) -> httpx.Client:
    """The page's requests: with the key of its address, or another one."""
    headers = {"Authorization": f"Bearer {proxy.key if key is None else key}", "Sec-Fetch-Site": "same-origin"}
    return httpx.Client(base_url=f"http://127.0.0.1:{proxy.server_port}", headers=headers, timeout=60)


@pytest.mark.apiserver
def test_the_page_comes_to_everybody_and_the_rest_to_who_has_the_key(proxy: LocalProxy) -> None:
    with browser(proxy, key="another") as stranger:
        page = stranger.get("/console/packages/team-b/ml")
        assert page.status_code == 200
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert proxy.key not in page.text
        assert stranger.get("/").headers["location"] == "console/"
        for method, path in (("GET", "/dep-packages"), ("POST", "/console/"), ("GET", "/consolex"), ("HEAD", "/x")):
            refused = stranger.request(method, path)
            assert refused.status_code == 401, (method, path)
        told = stranger.get("/dep-packages?namespace=team-b").json()
        assert (told["code"], told["detail"]) == (
            "Unauthenticated",
            "This is not the key of the `dagy console` that runs. Open the address that it printed; each run has a new one.",
        )
    with browser(proxy) as owner:
        assert "items" in owner.get("/dep-packages", params={"namespace": "team-b"}).json()
        assert owner.get("/dep-packages", params={"namespace": "team-a"}).status_code == 404


@pytest.mark.apiserver
@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"Host": "rebound.example.com"}), ("GET", {"Host": "127.0.0.1"}), ("GET", {"Host": "127.0.0.1:1"}),
        ("POST", {"Sec-Fetch-Site": "cross-site"}), ("POST", {"Sec-Fetch-Site": "same-site"}),
        ("DELETE", {"Sec-Fetch-Site": "none"}),
    ],
)  # fmt: skip
def test_other_names_and_other_sites_are_refused_with_the_key_too(
    proxy: LocalProxy, method: str, headers: dict[str, str]
) -> None:
    with browser(proxy) as owner:
        answer = owner.request(method, "/dep-packages", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "CrossOrigin")


@pytest.mark.apiserver
def test_bodies_arrive_whole_or_not_at_all(proxy: LocalProxy) -> None:
    name = unique()
    body = {"python_version": "3.12", "dependencies": ["six"], "description": "für Ana", "build_policy": "Manual"}
    with browser(proxy) as owner:
        made = owner.put(
            f"/dep-packages/team-b/{name}", json=body, headers={"Origin": f"http://127.0.0.1:{proxy.server_port}"}
        )
        assert made.status_code == 201
        assert owner.get(f"/dep-packages/team-b/{name}").json()["description"] == "für Ana"
        parsed = owner.post("/dep-packages%3Aparse", json={"text": "numpy\n" * 1000, "python_version": "3.12"})
        assert parsed.json()["summary"]["kept"] == 1
        assert owner.post("/dep-packages:parse", content=b" " * 4_000_001).json()["code"] == "TooLarge"
        assert owner.post("/dep-packages:parse", content=iter([b"{}"])).json()["code"] == "InvalidRequest"
        assert owner.head(f"/dep-packages/team-b/{name}").content == b""


@pytest.mark.apiserver
def test_what_the_store_has_is_fetched_there(proxy: LocalProxy, kubeconfig: str, objects: ObjectStore) -> None:
    name = unique()
    with browser(proxy) as owner:
        owner.put(f"/dep-packages/team-b/{name}", json={"python_version": "3.12", "dependencies": ["six"]})
        PlayedOperator(kubeconfig, objects).completes("team-b", name, b"PK the package")
        there = owner.get(f"/dep-packages/team-b/{name}/download")
        assert there.status_code == 307
        assert httpx.get(there.headers["location"]).content == b"PK the package"


@pytest.mark.apiserver
def test_several_requests_share_a_connection(proxy: LocalProxy) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", proxy.server_port, timeout=60)) as connection:
        _share(connection, {"Authorization": f"Bearer {proxy.key}"})


def _share(connection: http.client.HTTPConnection, headers: dict[str, str]) -> None:
    for _ in range(3):
        connection.request("GET", "/healthz", headers=headers)
        assert json.loads(connection.getresponse().read()) == {"status": "ok"}
    connection.request("POST", "/dep-packages:parse", body=b" " * 4_000_001, headers=headers)
    assert json.loads(connection.getresponse().read())["code"] == "TooLarge"
    connection.request("GET", "/healthz", headers=headers)
    assert connection.getresponse().read()
    connection.request("POST", "/dep-packages:parse", body=iter([b"{}"]), headers=headers, encode_chunked=True)
    assert connection.getresponse().getheader("Connection") == "close"


def test_who_still_sends_when_refused_hears_why() -> None:
    with (
        httpx.Client(base_url="http://127.0.0.1:1") as nowhere,
        serving(LocalProxy(nowhere)) as proxy,
        socket.create_connection(("127.0.0.1", proxy.server_port), timeout=60) as connection,
    ):
        connection.sendall(b"POST /dep-packages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        head = connection.recv(12)  # the answer is there before the body goes
        for _ in range(100):
            connection.sendall(b"1000\r\n" + b" " * 0x1000 + b"\r\n")
        connection.sendall(b"0\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as rest:
            answer = head + rest.read()
    assert answer.startswith(b"HTTP/1.1 403")
    assert b"Connection: close" in answer
    assert b"dagy console" in answer


def test_an_api_that_is_away_is_told_as_that() -> None:
    with (
        httpx.Client(base_url="http://127.0.0.1:1") as nowhere,
        serving(LocalProxy(nowhere)) as proxy,
        browser(proxy) as owner,
    ):
        answer = owner.get("/dep-packages")
        assert (answer.status_code, answer.json()["code"]) == (503, "ClusterUnreachable")


@pytest.mark.apiserver
def test_where_the_clusters_api_cannot_be_had_the_one_in_the_command_serves(
    api: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = api.write_kubeconfig(tmp_path / "config", "team-b", {"token": api.users.token("thea")})
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KUBECONFIG", str(config))
    monkeypatch.setattr(api_access, "published", _published_by_nobody)
    with console._api_for_everything(Api()) as http, serving(LocalProxy(http)) as proxy, browser(proxy) as owner:
        assert owner.get("/console/").status_code == 200
        assert owner.get("/dep-packages", params={"namespace": "team-b"}).status_code == 200
    assert " Until then the console can't show logs and ZIPs.\n" in capsys.readouterr().err


@contextmanager
def killed(running: subprocess.Popen[str]) -> Iterator[None]:
    """The process, at the latest when the block ends."""
    try:
        yield
    finally:
        running.kill()


async def _published_by_nobody(_api: object) -> api_access.Published:
    return api_access.Published()


@pytest.mark.apiserver
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_command_opens_a_browser_and_ends_by_a_signal(api: Served, tmp_path: Path, ending: signal.Signals) -> None:
    """Ctrl-C ends it also where it was started with SIGINT ignored, as in the background of a shell."""
    opened = tmp_path / "opened.html"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\ncp "${{1#file://}}" {opened}\n')
    script.chmod(0o755)
    config = api.write_kubeconfig(tmp_path / "config", "team-b", {"token": api.users.token("thea")})
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    environment |= {"KUBECONFIG": str(config), "DISPLAY": ":0", "BROWSER": f"{script} %s"}
    program = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); from dagy.cli import main; main()"
    command = [sys.executable, "-c", program, "console"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as running, killed(running):
        assert running.stdout
        line = running.stdout.readline()
        assert line.startswith("The console is at http://127.0.0.1:")
        address, _, key = line.split()[-1].partition("#token=")
        assert httpx.get(address).status_code == 200
        url = f"{address.removesuffix('console/')}dep-packages?namespace=team-b"
        assert httpx.get(url, headers={"Authorization": f"Bearer {key}"}, timeout=60).status_code == 200
        until(opened.exists)
        running.send_signal(ending)
        assert running.wait(30) == 0
    assert key in opened.read_text()


@pytest.mark.parametrize("port", ["taken", 70_000, -1])
def test_a_port_that_cannot_be_had_is_a_sentence(port: int | str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = str(taken.getsockname()[1] if port == "taken" else port)
        with pytest.raises(SystemExit) as ended:
            main(["console", f"--port={number}", "--no-browser", "--url=http://127.0.0.1:1"])
        assert ended.value.code == 2
        assert f"Port {number} of 127.0.0.1 can't be used" in capsys.readouterr().err
