"""What is looked at from inside, on a real S3 server, a real index and real sockets."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dagy.adapters.doctor import inspection
from dagy.web.tls.certificates import renewed
from dagy_builder.storage.store import ObjectStore
from tests.cluster.doctor import free_port
from tests.fakes.index import Index


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("DAGY_INDEX_URL", raising=False)
    return monkeypatch


def told(capsys: pytest.CaptureFixture[str], *what: str) -> dict[str, object]:
    assert inspection.main(what) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.apiserver
def test_a_bucket_is_written_read_and_left_as_it_was(
    objects: ObjectStore, settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.setenv("DAGY_S3_BUCKET", objects.bucket)
    settings.setenv("DAGY_S3_PREFIX", "doctor-test")
    found = told(capsys, "storage")
    assert found["storage"] == {"bucket": objects.bucket, "error": "", "conditional": True}
    assert isinstance(found["clock"], float)
    assert abs(found["clock"]) < 5
    assert not list(objects.list("doctor-test/"))


@pytest.mark.apiserver
def test_a_bucket_that_is_not_there_is_said(
    objects: ObjectStore, settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.setenv("DAGY_S3_BUCKET", "nowhere")
    found = told(capsys, "storage")["storage"]
    assert isinstance(found, dict)
    assert "Bucket nowhere does not exist" in found["error"]


def test_an_index_that_answers_is_told_even_if_it_has_no_such_project(
    searched_index: Index, settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.setenv("DAGY_INDEX_URL", searched_index.url)
    assert told(capsys, "index")["index"] == {"url": searched_index.url, "error": ""}


def test_one_that_is_away_is_told_with_the_cause(
    settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.setenv("DAGY_INDEX_URL", f"http://127.0.0.1:{free_port()}/simple")
    found = told(capsys, "index")["index"]
    assert isinstance(found, dict)
    assert "gives no answer" in found["error"]
    settings.setenv("DAGY_SEARCH", "false")
    assert told(capsys, "index") == {"index": None}


def test_an_address_that_can_be_reached_is_no_wall(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert told(capsys, f"walls=127.0.0.1:{port}") == {"walls": False}
    assert told(capsys, f"walls=127.0.0.1:{port}") == {"walls": True}


@contextmanager
def served(folder: Path, ends: timedelta) -> Iterator[int]:
    """A port of this machine where one connection gets a certificate that ends then."""
    made = renewed(datetime.now(UTC), None, ("localhost",), ends)
    assert made
    file = folder / "pair.pem"
    file.write_text(made.key + made.chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with context.wrap_socket(connection, server_side=True) as secured, suppress(OSError):
                secured.recv(1)

        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


def test_the_certificate_that_is_served_tells_its_end(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with served(tmp_path, timedelta(days=30)) as port:
        ends = datetime.fromisoformat(str(told(capsys, f"certificate={port}")["certificate"]))
    assert timedelta(days=29) < ends - datetime.now(UTC) < timedelta(days=31)
    assert told(capsys, f"certificate={free_port()}") == {}
