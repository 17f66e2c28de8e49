"""Uploads in parts, of bytes that are still coming, against a real S3 server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy_builder.steps.handover import TailReader
from dagy_builder.storage.multipart import PART_BYTES, MultipartUpload
from dagy_builder.storage.store import ObjectStore, StorageError
from tests.fakes.uploads import unfinished


@given(st.lists(st.binary(max_size=40)), st.integers(1, 16), st.booleans())
def test_a_growing_file_is_read_whole(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], size: int, late: bool
) -> None:
    path = tmp_path_factory.mktemp("growing") / "file"

    def write() -> Iterator[None]:
        if late:
            yield
        path.touch()
        for piece in pieces:
            yield
            with path.open("ab") as file:
                file.write(piece)

    growing, whole = TailReader(path, write()), b"".join(pieces)
    blocks = list(growing.blocks(size))
    assert blocks == [whole[start : start + size] for start in range(0, len(whole), size)]
    assert list(growing.blocks(size)) == blocks, "and again, when nothing comes any more"


def test_blocks_come_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"123456")

    def write() -> Iterator[None]:
        raise AssertionError("nobody has to wait for a block that is there")
        yield

    assert next(TailReader(path, write()).blocks(6)) == b"123456"


def test_a_file_that_never_came(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(TailReader(tmp_path / "file", iter([None, None])).blocks(1))


@pytest.fixture
def store(bucket: str) -> ObjectStore:
    return ObjectStore(bucket)


def _blocks(count: int) -> list[bytes]:
    return [os.urandom(PART_BYTES) for _ in range(count - 1)] + [b"the rest"]


def test_parts_become_one_object(store: ObjectStore) -> None:
    upload, blocks = MultipartUpload(store, "p/x.zip", "application/zip", {"lock-sha256": "abc"}), _blocks(6)
    upload.send(blocks)
    assert store.head("p/x.zip") is None
    assert upload.complete()
    assert store.get("p/x.zip", 1 << 30) == b"".join(blocks)
    found = store.head("p/x.zip")
    assert found
    assert found.metadata["lock-sha256"] == "abc"
    assert not unfinished(store)


def test_what_was_sent_stays_sent(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    upload, blocks = MultipartUpload(store, "p/x.zip", "application/zip", {}), _blocks(4)
    sent: list[int] = []
    original = store._s3.upload_part

    def counted(**arguments: Any) -> Any:
        sent.append(arguments["PartNumber"])
        return original(**arguments)

    monkeypatch.setattr(store._s3, "upload_part", counted)

    def interrupted() -> Iterator[bytes]:
        yield from blocks[:2]
        raise TimeoutError

    with pytest.raises(TimeoutError):
        upload.send(interrupted())
    first = set(sent)
    sent.clear()
    upload.send(blocks)
    assert upload.complete()
    assert first | set(sent) == {1, 2, 3, 4}
    assert 1 not in sent
    assert store.get("p/x.zip") == b"".join(blocks)


def test_bytes_that_changed_are_sent_again(store: ObjectStore) -> None:
    upload, before, after = (MultipartUpload(store, "p/x.zip", "application/zip", {}), _blocks(3), _blocks(3))
    upload.send(before)
    upload.send(after)
    assert upload.complete()
    assert store.get("p/x.zip") == b"".join(after)


def test_a_name_that_is_taken_is_left_alone(store: ObjectStore) -> None:
    store.put("p/x.zip", b"not ours", "application/zip")
    upload = MultipartUpload(store, "p/x.zip", "application/zip", {})
    upload.send(_blocks(2))
    assert not upload.complete()
    upload.abort()
    assert store.get("p/x.zip") == b"not ours"
    assert not unfinished(store)


def test_an_answer_that_got_lost(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    upload, blocks = MultipartUpload(store, "p/x.zip", "application/zip", {}), _blocks(2)
    upload.send(blocks)
    original = store._s3.complete_multipart_upload

    def lost(**arguments: Any) -> Any:
        original(**arguments)
        return original(**arguments)  # what boto3 does when it hears nothing

    monkeypatch.setattr(store._s3, "complete_multipart_upload", lost)
    assert upload.complete()
    assert store.get("p/x.zip") == b"".join(blocks)


def test_nothing_is_left_of_what_is_given_up(store: ObjectStore) -> None:
    upload = MultipartUpload(store, "p/x.zip", "application/zip", {})
    upload.send(_blocks(3))
    assert unfinished(store)
    upload.abort()
    upload.abort()
    assert not unfinished(store)
    assert store.head("p/x.zip") is None


def test_an_upload_that_somebody_ended(store: ObjectStore) -> None:
    upload = MultipartUpload(store, "p/x.zip", "application/zip", {})
    upload.send(_blocks(2))
    store.abort_uploads("p/", ["p/other.zip"])
    assert unfinished(store)
    store.abort_uploads("p/", ["p/x.zip"])
    assert not unfinished(store)
    with pytest.raises(StorageError, match="NoSuchUpload"):
        upload.complete()
