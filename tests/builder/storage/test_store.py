"""The object store against a real S3 server, and what its refusals mean."""

from __future__ import annotations

import hashlib

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
    SSLError,
)

from dagy_builder.contract import Fault, Reason
from dagy_builder.storage.errors import classify
from dagy_builder.storage.retry import while_unreachable
from dagy_builder.storage.store import ObjectStore, StorageError

URL = "http://s3.example:9000"


def _refused(code: str, status: int = 400, message: str = "because") -> ClientError:
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "PutObject")  # type: ignore[arg-type]


REFUSALS = [
    (_refused("NoSuchBucket", 404), Reason.BUCKET_NOT_FOUND, "Bucket stuff does not exist"),
    (_refused("InvalidAccessKeyId", 403), Reason.STORAGE_ACCESS_DENIED, "refuses the credentials for bucket stuff"),
    (_refused("SignatureDoesNotMatch", 403), Reason.STORAGE_ACCESS_DENIED, "refuses the credentials"),
    (_refused("XAdminUserNotFound", 404), Reason.STORAGE_ACCESS_DENIED, "refuses the credentials"),
    (_refused("ExpiredToken", 400), Reason.STORAGE_ACCESS_DENIED, "refuses the credentials"),
    (_refused("AccessDenied", 403), Reason.STORAGE_ACCESS_DENIED, "policy that docs/security.md has"),
    (_refused("403", 403), Reason.STORAGE_ACCESS_DENIED, "PutObject in bucket stuff"),
    (_refused("SlowDown", 503), Reason.STORAGE_UNREACHABLE, "is not ready"),
    (_refused("ServiceUnavailable", 503), Reason.STORAGE_UNREACHABLE, "is not ready"),
    (_refused("", 502), Reason.STORAGE_UNREACHABLE, "502"),
    (_refused("QuotaExceeded", 403), Reason.UPLOAD_FAILED, "no space left"),
    (_refused("XMinioStorageFull", 507), Reason.UPLOAD_FAILED, "no space left"),
    (_refused("EntityTooLarge", 400, "Too big."), Reason.UPLOAD_FAILED, "EntityTooLarge: Too big."),
    (EndpointConnectionError(endpoint_url=URL, error="Connection refused"), Reason.STORAGE_UNREACHABLE, "refused"),
    (ConnectTimeoutError(endpoint_url=URL, error="timed out"), Reason.STORAGE_UNREACHABLE, "timed out"),
    (ReadTimeoutError(endpoint_url=URL, error="timed out"), Reason.STORAGE_UNREACHABLE, "does not answer"),
    (SSLError(endpoint_url=URL, error="self-signed"), Reason.STORAGE_UNREACHABLE, "certificate"),
    (NoCredentialsError(), Reason.STORAGE_ACCESS_DENIED, "no credentials"),
]


@pytest.mark.parametrize(("error", "reason", "sentence"), REFUSALS, ids=lambda value: str(value)[:40])
def test_refusals(error: Exception, reason: Reason, sentence: str) -> None:
    told = classify(error, "stuff", URL)
    lasting = reason in (Reason.STORAGE_ACCESS_DENIED, Reason.BUCKET_NOT_FOUND)
    assert (told.reason, told.fault) == (reason, Fault.ADMINISTRATOR if lasting else Fault.INFRASTRUCTURE)
    assert sentence in told.message
    assert told.message.endswith(".")
    assert URL in told.message or "stuff" in told.message


def test_retries_go_on_while_it_may_help_and_no_longer() -> None:
    now, pauses, lines = [0.0], list[float](), list[str]()

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    def call() -> str:
        if now[0] < 50:
            raise StorageError(
                Reason.STORAGE_UNREACHABLE, "S3 at http://x does not answer (connection refused). Check."
            )
        return "done"

    assert while_unreachable(call, lines.append, 600, lambda: now[0], sleep) == "done"
    assert pauses == [1, 2, 4, 8, 15, 15, 15]
    assert lines[0] == "S3 at http://x does not answer (connection refused); trying again in 1 s, for 10 min more"
    now[0] = 0
    with pytest.raises(StorageError):
        while_unreachable(call, lines.append, 30, lambda: now[0], sleep)
    assert now[0] == 30, "the last try comes when the time is up"


def test_wrong_credentials_are_not_tried_again() -> None:
    def call() -> None:
        raise StorageError(Reason.STORAGE_ACCESS_DENIED, "no")

    def sleep(_: float) -> None:
        raise AssertionError("it waited")

    with pytest.raises(StorageError, match="no"):
        while_unreachable(call, print, 600, lambda: 0.0, sleep)


@pytest.fixture
def store(bucket: str) -> ObjectStore:
    return ObjectStore(bucket)


@pytest.mark.apiserver
def test_small_objects(store: ObjectStore) -> None:
    assert store.get("a/b") is None
    assert store.head("a/b") is None
    store.put("a/b", b"one", "text/plain")
    store.put("a/b", b"two", "text/plain")
    assert store.get("a/b") == b"two"
    info = store.head("a/b")
    assert info
    assert (info.size, info.sha256) == (3, hashlib.sha256(b"two").hexdigest())


@pytest.mark.apiserver
def test_what_is_there_is_replaced_only_knowingly(store: ObjectStore) -> None:
    assert store.put_new("a", b"one", "text/plain")
    assert not store.put_new("a", b"two", "text/plain")
    assert not store.replace("a", b"two", "text/plain", None)
    data, tag = store.get_tagged("a") or (b"", "")
    assert data == b"one"
    assert store.replace("a", b"two", "text/plain", tag)
    assert not store.replace("a", b"three", "text/plain", tag)
    assert store.get("a") == b"two"
    assert store.replace("b", b"new", "text/plain", None)


@pytest.mark.apiserver
def test_a_copy_in_parts_is_known_as_the_same_object(store: ObjectStore) -> None:
    """Though its ETag is another one."""
    store.put("large", bytes(6 << 20), "application/zip")
    assert store.copy("large", "copied", part_bytes=5 << 20)
    original, copied = store.head("large"), store.head("copied")
    assert original
    assert copied
    assert original.etag != copied.etag
    assert original == copied


@pytest.mark.apiserver
def test_list_copy_delete(store: ObjectStore) -> None:
    for number in range(12):
        store.put(f"ns/a/{number:02}", b"x", "text/plain")
    store.put("ns/ab", b"x", "text/plain")
    store.copy("ns/a/00", "ns/b/00")
    assert store.get("ns/b/00") == b"x"
    assert list(store.list("ns/a/")) == [f"ns/a/{number:02}" for number in range(12)]
    assert store.delete_prefix("ns/a/") == 12
    assert store.delete_prefix("ns/a/") == 0
    assert list(store.list("ns/")) == ["ns/ab", "ns/b/00"]
    with pytest.raises(ValueError, match="slash"):
        store.delete_prefix("ns/a")


@pytest.mark.apiserver
@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_credentials(bucket: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "wrong-wrong")
    store = ObjectStore(bucket)
    for call in (
        lambda: store.get("a"),
        lambda: store.put("a", b"", "x/y"),
        lambda: list(store.list("")),
    ):
        with pytest.raises(StorageError) as caught:
            call()
        assert caught.value.reason is Reason.STORAGE_ACCESS_DENIED
        assert bucket in caught.value.message
        assert "wrong-wrong" not in caught.value.message


@pytest.mark.apiserver
def test_a_missing_bucket(bucket: str) -> None:
    store = ObjectStore("no-such-bucket")
    for call in (
        lambda: store.get("a"),
        lambda: store.put("a", b"", "x/y"),
        lambda: list(store.list("")),
    ):
        with pytest.raises(StorageError, match="Bucket no-such-bucket does not exist") as caught:
            call()
        assert caught.value.reason is Reason.BUCKET_NOT_FOUND
    assert list(ObjectStore(bucket).list("")) == []
