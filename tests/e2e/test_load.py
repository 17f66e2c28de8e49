"""What users can do to the API, all of it at once: no replica starts again, it answers, and pods start meanwhile.

DAGY_LOAD_SECONDS makes it longer. What it measured is printed (`pytest -s`).
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e.api_access import api_environment
from tests.e2e.kube import SYSTEM, Json, Kube, package

pytestmark = pytest.mark.e2e

SECONDS = float(os.environ.get("DAGY_LOAD_SECONDS", "20"))
REPLICAS = ("-l", "app.kubernetes.io/name in (dagy-api, dagy-webhook)")
ANSWERS_WITHIN, ADMITTED_WITHIN = 10.0, 10.0
"""Seconds that a busy machine may add to the one and the two that are wanted; what it took is printed."""
FAT = {"kubectl.kubernetes.io/last-applied-configuration": "x" * 100_000}


class Load:
    """Loads that go on until they are stopped."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.url, self.token = environment["DAGY_API_URL"], environment["DAGY_API_TOKEN"]
        self.trust = ssl.create_default_context(cafile=environment["DAGY_CA_FILE"])
        self._stop = threading.Event()

    def client(self, token: str | None = None) -> httpx.Client:
        return httpx.Client(
            base_url=self.url, verify=self.trust, timeout=60, headers={"Authorization": f"Bearer {token or self.token}"}
        )

    @contextmanager
    def running(self, *loads: Callable[[], Any]) -> Iterator[None]:
        """Each again and again, in a thread of its own; that they are refused is the point."""

        def again(load: Callable[[], Any]) -> None:
            while not self._stop.is_set():
                with suppress(httpx.HTTPError, OSError):
                    load()

        threads = [threading.Thread(target=again, args=(load,), daemon=True) for load in loads]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(90)

    def half_bodies(self) -> None:
        """100 connections with half a body each, nobody's."""
        where = urlsplit(self.url)
        head = b"POST /dep-packages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Length: 4000000\r\n\r\n"
        opened = []
        try:
            for _ in range(100):
                plain = socket.create_connection((where.hostname, where.port or 443), timeout=10)
                opened.append(self.trust.wrap_socket(plain, server_hostname=where.hostname))
                opened[-1].sendall(head + b"{" * 1000)
            self._stop.wait(2)
        finally:
            for connection in opened:
                connection.close()

    def unknown_fields(self) -> None:
        """A large body of what is not there, from somebody and from nobody."""
        body = json.dumps({f"u{n}": n for n in range(20_000)}).encode()
        for token in (None, "invented"):
            with self.client(token) as client:
                client.post("/dep-packages", content=body, headers={"Content-Type": "application/json"})

    def long_lists(self) -> None:
        """As many lines as are read, and many more."""
        with self.client() as client:
            for lines in (4_999, 500_000):
                text = "a>=1,<2\n" * lines
                client.post("/dep-packages:parse", json={"text": text, "python_version": "3.12"})

    def follow(self, path: str) -> None:
        with self.client() as client, client.stream("GET", path, params={"follow": "true"}) as answer:
            for _ in answer.iter_bytes():
                if self._stop.is_set():
                    return
        self._stop.wait(0.1)

    def search(self) -> None:
        """Through objects that are as large as they may be."""
        with self.client() as client:
            client.get("/dep-packages", params={"namespace": self.namespace, "search": "nothing has this"})

    namespace = ""


@pytest.fixture
def load(kube: Kube, tmp_path: Path) -> Load:
    made = Load(api_environment(kube, tmp_path))
    made.namespace = kube.namespace
    return made


def restarts(kube: Kube) -> dict[str, int]:
    pods = kube.list("pods", *REPLICAS, namespace=SYSTEM)
    return {p["metadata"]["name"]: sum(s["restartCount"] for s in p["status"]["containerStatuses"]) for p in pods}


def megabytes(kube: Kube) -> dict[str, float]:
    """Memory that can't be given back, of each pod of the control plane."""
    (node,) = kube.list("nodes")
    summary = json.loads(kube("get", "--raw", f"/api/v1/nodes/{node['metadata']['name']}/proxy/stats/summary"))
    return {
        pod["podRef"]["name"]: pod["memory"]["workingSetBytes"] / 1e6
        for pod in summary["pods"]
        if pod["podRef"]["namespace"] == SYSTEM and "workingSetBytes" in pod.get("memory", {})
    }


def asking(slug: str, name: str) -> Json:
    annotations = {"dagy.io/dep-packages": slug, "dagy.io/python-version": "3.12"}
    container = {"name": "main", "image": "python:3.12-slim"}
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "annotations": annotations},
        "spec": {"containers": [container]},
    }  # fmt: skip


def test_what_users_do_to_the_api_keeps_no_pod_from_starting(kube: Kube, load: Load) -> None:
    kube.apply(package("small", "idna==3.7"))
    slug = kube.wait("small", "Ready")["status"]["slug"]
    for n in range(60):
        fat = package(f"fat-{n}", "idna", suspend=True)
        fat["metadata"]["annotations"] = FAT
        path = f"/apis/dagy.io/v1/namespaces/{kube.namespace}/deppackages"
        kube("create", f"--raw={path}", "-f", "-", stdin=fat)
    before = restarts(kube)
    logs = f"/dep-packages/{kube.namespace}/small/logs"
    followers = [lambda: load.follow(logs)] * 20
    answered, admitted, memory = [], [], dict[str, float]()
    kinds = (load.half_bodies, load.unknown_fields, load.long_lists, load.search)
    with load.running(*3 * kinds, *followers):
        end = time.monotonic() + SECONDS
        with httpx.Client(base_url=load.url, verify=load.trust, timeout=60) as client:
            while time.monotonic() < end:
                began = time.monotonic()
                assert client.get("/healthz").status_code == 200
                answered.append(time.monotonic() - began)
                began = time.monotonic()
                made = json.loads(
                    kube("create", "-f", "-", "--dry-run=server", "-o", "json", stdin=asking(slug, "asks"))
                )
                admitted.append(time.monotonic() - began)
                assert [c["name"] for c in made["spec"]["initContainers"]] == ["dagy-attach"]
                memory = {name: max(used, memory.get(name, 0)) for name, used in megabytes(kube).items()}
    print(f"\n/healthz: {max(answered):.2f} s at most of {len(answered)}; admitted: {max(admitted):.2f} s at most")
    print("\n".join(f"{name}: {used:.0f} MB" for name, used in sorted(memory.items())))
    assert restarts(kube) == before, "a replica has started again"
    assert max(answered) < ANSWERS_WITHIN
    assert max(admitted) < ADMITTED_WITHIN
