"""The object store: S3, or another one with its protocol. Blocking; a client may be used by many threads."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Container, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

from dagy_builder.contract import Fault, Reason
from dagy_builder.storage.client import s3_client
from dagy_builder.storage.errors import StorageError, classify

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef, ObjectIdentifierTypeDef

__all__ = ["ObjectInfo", "ObjectStore", "StorageError"]

T = TypeVar("T")
_COPY_PART_BYTES = 1 << 30
_DELETE_AT_ONCE = 1000  # S3's limit
_READ_BYTES = 1 << 20
MOST_BYTES = 32 << 20
"""Of an object that is read whole: no lock, record, log or list of files of ours is larger."""
_MISSING = {"NoSuchKey", "404", "NotFound"}
_TAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "412"}
_SHA256_METADATA = "sha256"


class _Readable(Protocol):
    def read(self, amt: int) -> bytes: ...


@dataclass(frozen=True)
class ObjectInfo:
    """Size in bytes, and the metadata that was written with the object."""

    size: int
    metadata: Mapping[str, str]
    etag: str = field(default="", compare=False)
    """A value that changes with the object's bytes, and with how they were written: a copy's is another one."""

    @property
    def sha256(self) -> str | None:
        """SHA-256 (hex), of objects that were written as a whole."""
        return self.metadata.get(_SHA256_METADATA)


def read_at_most(body: _Readable, limit: int) -> bytes:
    """Return the first bytes of an answer: `limit` at most, and one more when there are more."""
    chunks, left = [], limit + 1
    while left and (chunk := body.read(min(left, _READ_BYTES))):
        chunks.append(chunk)
        left -= len(chunk)
    return b"".join(chunks)


class ObjectStore:
    """One bucket. Endpoint, region and credentials come from boto3's own chain (AWS_ENDPOINT_URL, AWS_REGION, ...).

    Every method raises StorageError. Time-outs are short and boto3 repeats a request just once: whoever calls decides
    how long to go on.
    """

    def __init__(self, bucket: str, on_error: Callable[[StorageError], None] = lambda _: None) -> None:
        """`on_error` hears of each StorageError, in the thread of the caller who gets it."""
        self.bucket, self._on_error = bucket, on_error
        self._s3 = s3_client()

    @property
    def endpoint(self) -> str:
        """The server's URL."""
        return str(self._s3.meta.endpoint_url)

    def get(self, key: str, limit: int = MOST_BYTES) -> bytes | None:
        """The object's bytes, or None when there is no such object. StorageError when it has more than `limit`."""
        found = self.get_tagged(key, limit)
        return found and found[0]

    def get_tagged(self, key: str, limit: int = MOST_BYTES) -> tuple[bytes, str] | None:
        """As `get`, with the object's ETag, which changes with the bytes. They are those that were written."""

        def read() -> tuple[bytes, str, str | None]:
            found = self._s3.get_object(Bucket=self.bucket, Key=key)
            with closing(found["Body"]) as body:  # used as a context itself, it hands out a body that checks nothing
                return read_at_most(body, limit), found["ETag"], found.get("Metadata", {}).get(_SHA256_METADATA)

        found = self._or_none(read)
        if found and len(found[0]) > limit:
            raise StorageError(
                Reason.TOO_LARGE,
                f"The object s3://{self.bucket}/{key} has more than the {limit} bytes that one of its kind may have, "
                "so it is not read. Something else writes to the bucket; delete the object.",
                Fault.ADMINISTRATOR,
            )
        if found is None:
            return None
        data, etag, written = found
        if written and written != hashlib.sha256(data).hexdigest():
            error = StorageError(
                Reason.STORAGE_UNREACHABLE,
                f"The object s3://{self.bucket}/{key} came with other bytes than were written: the store, or something "
                "on the way, spoils them. Check both if this stays; then delete the object.",
            )
            self._on_error(error)
            raise error
        return data, etag

    def part(self, key: str, start: int, length: int) -> bytes | None:
        """Return some bytes of the object (RFC 9110, 14.2); None when there is none."""

        def read() -> bytes:
            asked = f"bytes={start}-{start + length - 1}"
            with closing(self._s3.get_object(Bucket=self.bucket, Key=key, Range=asked)["Body"]) as body:
                return read_at_most(body, length)[:length]

        return self._or_none(read)

    def chunks(self, key: str, chunk_bytes: int = 64 << 10) -> Generator[bytes, None, None] | None:
        """The object's bytes as they come, for objects of unknown size; None without one."""
        found = self._or_none(lambda: self._s3.get_object(Bucket=self.bucket, Key=key))
        return found and self._chunks(found["Body"], chunk_bytes)

    def _chunks(self, body: StreamingBody, chunk_bytes: int) -> Generator[bytes, None, None]:
        with closing(body):
            while chunk := self._call(partial(body.read, chunk_bytes)):
                yield chunk

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Write a small object, in place of any that is there."""
        self._call(lambda: self._put(key, data, content_type, {}, {}))

    def put_new(self, key: str, data: bytes, content_type: str, metadata: Mapping[str, str] | None = None) -> bool:
        """Write a small object where there is none. Return False when there is one, which is left alone."""
        return self.if_absent(lambda _, condition: self._put(key, data, content_type, metadata or {}, condition))

    def replace(self, key: str, data: bytes, content_type: str, etag: str | None) -> bool:
        """Write a small object over the one with that ETag, or where none is. Return False when another is there."""
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        return self._unless_taken(lambda: self._put(key, data, content_type, {}, condition))

    def if_absent(self, write: Callable[[S3Client, dict[str, Any]], object]) -> bool:
        """Do a write that takes conditions, on the condition that the name is free. False when it is not."""
        return self._unless_taken(lambda: write(self._s3, {"IfNoneMatch": "*"}))

    def call(self, request: Callable[[S3Client], T]) -> T:
        """Any other request."""
        return self._call(lambda: request(self._s3))

    def head(self, key: str) -> ObjectInfo | None:
        """Return size, metadata and ETag of the object; None when there is none."""
        found = self._or_none(lambda: self._s3.head_object(Bucket=self.bucket, Key=key))
        return found and ObjectInfo(found["ContentLength"], found.get("Metadata", {}), found["ETag"])

    def copy(self, source: str, target: str, part_bytes: int = _COPY_PART_BYTES) -> bool:
        """Copy an object inside the bucket, with its metadata; the store does the work. False when there is none.

        Objects of more than `part_bytes` are copied in parts of that size, because one request copies 5 GiB at most.
        """

        def copied() -> bool:
            where: CopySourceTypeDef = {"Bucket": self.bucket, "Key": source}
            found = self._s3.head_object(**where)
            # Given and not left to the store: a copy in parts is a new object to it, without metadata.
            about = {"ContentType": found["ContentType"], "Metadata": found["Metadata"], "MetadataDirective": "REPLACE"}
            parts = TransferConfig(multipart_threshold=part_bytes, multipart_chunksize=part_bytes)
            self._s3.copy(where, self.bucket, target, ExtraArgs=about, Config=parts)
            return True

        return bool(self._or_none(copied))

    def list(self, prefix: str) -> Iterator[str]:
        """The keys below a prefix, sorted."""
        yield from (key for key, _ in self.list_since(prefix))

    def list_since(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """The keys below a prefix, sorted, with the times at which the objects were written."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        iterator = iter(pages)
        while (page := self._call(lambda: next(iterator, None))) is not None:
            yield from ((item["Key"], item["LastModified"]) for item in page.get("Contents", ()))

    def delete(self, key: str) -> None:
        """Delete one object; none is fine."""
        self._call(lambda: self._s3.delete_object(Bucket=self.bucket, Key=key))

    def delete_prefix(self, prefix: str) -> int:
        """Delete every object below the prefix and every unfinished upload; the number of objects there were."""
        if not prefix.endswith("/"):
            raise ValueError(f"{prefix!r} does not end with a slash, so it could match other packages' objects")
        keys = list(self.list(prefix))
        self.delete_all(keys)
        self._call(lambda: self._abort_uploads(prefix))
        return len(keys)

    def delete_all(self, keys: Sequence[str]) -> None:
        """Delete these objects; those that are gone are fine."""
        for start in range(0, len(keys), _DELETE_AT_ONCE):
            self._call(partial(self._delete, keys[start : start + _DELETE_AT_ONCE]))

    def abort_uploads(self, prefix: str, keys: Container[str]) -> None:
        """Give up the unfinished uploads of objects with those keys, which begin with the prefix."""
        self._call(lambda: self._abort_uploads(prefix, keys))

    def _put(
        self, key: str, data: bytes, content_type: str, metadata: Mapping[str, str], condition: Mapping[str, Any]
    ) -> None:
        digest = hashlib.sha256(data)
        self._s3.put_object(
            Bucket=self.bucket,
            Key=key,
            Body=data,
            ContentType=content_type,
            ChecksumSHA256=base64.b64encode(digest.digest()).decode(),
            Metadata={**metadata, _SHA256_METADATA: digest.hexdigest()},
            **condition,
        )

    def _delete(self, keys: Sequence[str]) -> None:
        objects: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys]
        answer = self._s3.delete_objects(Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True})
        for error in answer.get("Errors", ()):
            said: Any = {"Code": error.get("Code", ""), "Message": error.get("Message", "")}
            raise ClientError({"Error": said}, "DeleteObjects")

    def _abort_uploads(self, prefix: str, keys: Container[str] | None = None) -> None:
        for page in self._s3.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=prefix):
            for upload in page.get("Uploads", ()):
                if keys is not None and upload["Key"] not in keys:
                    continue
                self._s3.abort_multipart_upload(Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"])

    def _call(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except (ClientError, BotoCoreError) as error:
            raise self._classified(error) from error

    def _unless_taken(self, call: Callable[[], object]) -> bool:
        try:
            call()
        except (ClientError, BotoCoreError) as error:
            if _code(error) in _TAKEN:
                return False
            raise self._classified(error) from error
        return True

    def _or_none(self, call: Callable[[], T]) -> T | None:
        try:
            return call()
        except (ClientError, BotoCoreError) as error:
            if _code(error) in _MISSING:
                return None
            raise self._classified(error) from error

    def _classified(self, error: Exception) -> StorageError:
        found = classify(error, self.bucket, self.endpoint)
        self._on_error(found)
        return found


def _code(error: Exception) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def bucket_of(environment: Mapping[str, str] | None = None) -> str:
    """Return the bucket's name out of DAGY_S3_BUCKET, or an empty string."""
    return (os.environ if environment is None else environment).get("DAGY_S3_BUCKET", "")
