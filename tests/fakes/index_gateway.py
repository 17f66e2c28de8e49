"""The index gateway in a thread, and requests to it."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from dagy_builder.indexes.credentials import Credential
from dagy_builder.indexes.gateway import Gateway, serving
from dagy_builder.indexes.route import Route

PASSWORD = "hunter2-hunter2"
BASIC = "Basic " + base64.b64encode(f"ci:{PASSWORD}".encode()).decode()


@contextmanager
def gateway(
    monkeypatch: pytest.MonkeyPatch,
    indexes: Sequence[str],
    *credentials: Credential,
    files: Iterable[str] = (),
) -> Iterator[Route]:
    """The gateway in a thread, which the steps find as they would in a pod."""
    said: list[str] = []
    with serving(Gateway(indexes, files, credentials, said.append)) as route:
        monkeypatch.setenv("DAGY_INDEX_GATEWAY", route.base)
        monkeypatch.setenv("UV_HTTP_RETRIES", "0")
        yield route
    assert PASSWORD not in "\n".join(said)


def ask(route: Route, path: str, method: str = "GET") -> tuple[int, bytes]:
    """Status and body of its answer."""
    connection = http.client.HTTPConnection(urlsplit(route.base).netloc, timeout=10)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
