"""The object store: S3 or whatever speaks its protocol. Blocking; a client may be used by many threads."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from dagy_builder.storage_errors import StorageError, classify

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

__all__ = ["ObjectInfo", "ObjectStore", "StorageError"]

T = TypeVar("T")
_PART_BYTES = 16 << 20
_UPLOAD_THREADS = 4
_DELETE_AT_ONCE = 1000  # S3's limit
_MISSING = {"NoSuchKey", "404", "NotFound"}
_SHA256_METADATA = "sha256"


@dataclass(frozen=True)
class ObjectInfo:
    """Size in bytes, and the SHA-256 (hex) that `upload_file` or `put` wrote beside the object."""

    size: int
    sha256: str | None


class ObjectStore:
    """One bucket. Endpoint, region and credentials come from boto3's own chain (AWS_ENDPOINT_URL, AWS_REGION, ...).

    Every method raises StorageError. Time-outs are short and boto3 repeats a request just once: whoever calls decides
    how long to go on.
    """

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        config = Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 2},
            signature_version="s3v4",
            # Stores other than AWS know neither CRC trailers nor their validation; SHA-256 is sent explicitly.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            max_pool_connections=32,
        )
        session = boto3.session.Session()
        self._s3: S3Client = session.client("s3", config=config, region_name=session.region_name or "us-east-1")

    @property
    def endpoint(self) -> str:
        """The server's URL."""
        return str(self._s3.meta.endpoint_url)

    def get(self, key: str) -> bytes | None:
        """The object's bytes, or None when there is no such object."""

        def read() -> bytes:
            return self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()

        return self._or_none(read)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Write a small object, over whatever is there."""
        self._call(lambda: self._put(key, data, content_type, {}, only_new=False))

    def head(self, key: str) -> ObjectInfo | None:
        """What is known of the object, or None when there is none."""
        found = self._or_none(lambda: self._s3.head_object(Bucket=self.bucket, Key=key))
        return found and ObjectInfo(found["ContentLength"], found.get("Metadata", {}).get(_SHA256_METADATA))

    def upload_file(self, path: Path, key: str, sha256: str, metadata: Mapping[str, str] | None = None) -> bool:
        """Upload in parts, only where there is no object yet. False when there was one, which is left alone.

        `sha256` (hex) is kept beside the object; each part is checked by the store on arrival.
        """
        try:
            if path.stat().st_size <= _PART_BYTES:
                data = path.read_bytes()
                self._call(lambda: self._put(key, data, "application/zip", metadata or {}, only_new=True))
            else:
                self._multipart(path, key, {**(metadata or {}), _SHA256_METADATA: sha256})
        except _AlreadyThereError:
            return False
        return True

    def copy(self, source: str, target: str) -> None:
        """Copy an object inside the bucket, with its metadata; the store does the work."""
        self._call(lambda: self._s3.copy({"Bucket": self.bucket, "Key": source}, self.bucket, target))

    def list(self, prefix: str) -> Iterator[str]:
        """The keys below a prefix, sorted."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        iterator = iter(pages)
        while (page := self._call(lambda: next(iterator, None))) is not None:
            yield from (item["Key"] for item in page.get("Contents", ()))

    def delete(self, key: str) -> None:
        """Delete one object; none is fine."""
        self._call(lambda: self._s3.delete_object(Bucket=self.bucket, Key=key))

    def delete_prefix(self, prefix: str) -> int:
        """Delete every object below the prefix and every unfinished upload; the number of objects there were."""
        if not prefix.endswith("/"):
            raise ValueError(f"{prefix!r} does not end with a slash, so it could match other packages' objects")
        keys = list(self.list(prefix))
        for start in range(0, len(keys), _DELETE_AT_ONCE):
            self._call(partial(self._delete, keys[start : start + _DELETE_AT_ONCE]))
        self._call(lambda: self._abort_uploads(prefix))
        return len(keys)

    def presign(self, key: str, seconds: int) -> str:
        """A URL with which anybody may read the object for that time."""
        parameters = {"Bucket": self.bucket, "Key": key}
        return self._call(lambda: self._s3.generate_presigned_url("get_object", parameters, ExpiresIn=seconds))

    def check_bucket(self) -> None:
        """Raise StorageError unless the bucket exists and the credentials may list it."""
        self._call(lambda: self._s3.list_objects_v2(Bucket=self.bucket, MaxKeys=1))

    def _put(self, key: str, data: bytes, content_type: str, metadata: Mapping[str, str], *, only_new: bool) -> None:
        digest = hashlib.sha256(data)
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if only_new else {}
        self._s3.put_object(
            Bucket=self.bucket,
            Key=key,
            Body=data,
            ContentType=content_type,
            ChecksumSHA256=_base64(digest.digest()),
            Metadata={**metadata, _SHA256_METADATA: digest.hexdigest()},
            **condition,
        )

    def _multipart(self, path: Path, key: str, metadata: Mapping[str, str]) -> None:
        where: dict[str, Any] = {"Bucket": self.bucket, "Key": key}
        about: dict[str, Any] = {"ContentType": "application/zip", "Metadata": metadata}
        created = self._call(
            lambda: self._s3.create_multipart_upload(**where, **about, ChecksumAlgorithm="SHA256"),
        )
        upload: dict[str, Any] = {**where, "UploadId": created["UploadId"]}
        try:
            parts = self._upload_parts(path, upload)
            self._call(
                lambda: self._s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
            )
        except BaseException:
            # Parts of an unfinished upload cost money until somebody aborts it; the first error is the one to tell.
            with suppress(ClientError, BotoCoreError):
                self._s3.abort_multipart_upload(**upload)
            raise

    def _upload_parts(self, path: Path, upload: Mapping[str, Any]) -> Sequence[Any]:
        def send(number: int) -> dict[str, Any]:
            with path.open("rb") as file:
                file.seek((number - 1) * _PART_BYTES)
                data = file.read(_PART_BYTES)
            checksum = _base64(hashlib.sha256(data).digest())
            sent = self._s3.upload_part(**upload, PartNumber=number, Body=data, ChecksumSHA256=checksum)
            return {"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum}

        count = -(-path.stat().st_size // _PART_BYTES)
        with ThreadPoolExecutor(_UPLOAD_THREADS) as pool:
            futures = [pool.submit(send, number) for number in range(1, count + 1)]
            try:
                return [self._call(future.result) for future in futures]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _delete(self, keys: Sequence[str]) -> None:
        objects: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys]
        answer = self._s3.delete_objects(Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True})
        for error in answer.get("Errors", ()):
            said: Any = {"Code": error.get("Code", ""), "Message": error.get("Message", "")}
            raise ClientError({"Error": said}, "DeleteObjects")

    def _abort_uploads(self, prefix: str) -> None:
        for page in self._s3.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=prefix):
            for upload in page.get("Uploads", ()):
                self._s3.abort_multipart_upload(Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"])

    def _call(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except (ClientError, BotoCoreError) as error:
            if _code(error) in ("PreconditionFailed", "ConditionalRequestConflict", "412"):
                raise _AlreadyThereError from error
            raise classify(error, self.bucket, self.endpoint) from error

    def _or_none(self, call: Callable[[], T]) -> T | None:
        try:
            return call()
        except (ClientError, BotoCoreError) as error:
            if _code(error) in _MISSING:
                return None
            raise classify(error, self.bucket, self.endpoint) from error


class _AlreadyThereError(Exception):
    """If-None-Match did not hold."""


def _code(error: Exception) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def bucket_of(environment: Mapping[str, str] | None = None) -> str:
    """The bucket's name out of DAGY_S3_BUCKET, or an empty string."""
    return (os.environ if environment is None else environment).get("DAGY_S3_BUCKET", "")
