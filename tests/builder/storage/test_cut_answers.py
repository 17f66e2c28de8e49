"""Answers of S3 whose connection is lost in the middle: never taken for whole, always an error that is tried again."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest

from dagy_builder.contract import Fault, Reason
from dagy_builder.storage.store import ObjectStore, StorageError
from tests.fakes.cutting_proxy import CuttingProxy, cutting_proxy

pytestmark = pytest.mark.apiserver
DATA = b'{"lock": 1}' * 1000


@pytest.fixture
def proxy(objects: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[CuttingProxy]:
    with cutting_proxy(objects.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy


READS: dict[str, Callable[[ObjectStore, str], object]] = {
    "get": lambda store, key: store.get(key),
    "get_tagged": lambda store, key: store.get_tagged(key),
    "part": lambda store, key: store.part(key, 10, 500),
    "chunks": lambda store, key: b"".join(store.chunks(key) or ()),
    "list": lambda store, key: list(store.list(key.rpartition("/")[0] + "/")),
    "delete_prefix": lambda store, key: store.delete_prefix(key.rpartition("/")[0] + "/"),
    "copy": lambda store, key: store.copy(key, f"{key}-copy", part_bytes=5 << 20),
}


@pytest.mark.parametrize("keep", [0, 40], ids=["nothing", "a part"])
@pytest.mark.parametrize("name", READS)
def test_a_cut_answer_is_an_error(objects: ObjectStore, proxy: CuttingProxy, name: str, keep: int) -> None:
    key, store = f"{uuid.uuid4()}/lock.json", ObjectStore(objects.bucket)
    objects.put(key, DATA, "application/json")
    proxy.keep = keep
    with pytest.raises(StorageError) as caught:
        READS[name](store, key)
    assert (caught.value.reason, caught.value.fault) == (Reason.STORAGE_UNREACHABLE, Fault.INFRASTRUCTURE)
    assert "in the middle of an answer" in caught.value.message or name == "copy"
    assert objects.get(key) == DATA
    proxy.keep = None
    assert store.get(key) == DATA


def test_a_cut_refusal_is_one_that_can_be_tried_again(objects: ObjectStore, proxy: CuttingProxy) -> None:
    store = ObjectStore(objects.bucket)
    assert store.get(f"{uuid.uuid4()}/none") is None
    proxy.keep = 10
    with pytest.raises(StorageError) as caught:
        store.get(f"{uuid.uuid4()}/none")
    assert caught.value.reason == Reason.STORAGE_UNREACHABLE


def test_bytes_that_changed_on_the_way_are_not_taken(objects: ObjectStore, proxy: CuttingProxy) -> None:
    key, store = f"{uuid.uuid4()}/lock.json", ObjectStore(objects.bucket)
    objects.put(key, DATA, "application/json")
    proxy.flip = True
    with pytest.raises(StorageError) as caught:
        store.get(key)
    assert (caught.value.reason, caught.value.fault) == (Reason.STORAGE_UNREACHABLE, Fault.INFRASTRUCTURE)
    assert key in caught.value.message
    proxy.flip = False
    assert store.get(key) == DATA
