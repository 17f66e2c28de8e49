"""Files straight between S3 and clients: presigned downloads, and uploads in parts. None passes through the API.

A key holds the SHA-256 that the client announced, and is used only after the whole object was read and found to have
it; so the object at a key in use never changes. boto3 blocks: call from a thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from dagy.core.common.keys import ObjectKey
from dagy_builder.storage.errors import StorageError

# Imported where it is used: the API inside a command has no boto3 without the settings of a store.
if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")
_READ_BYTES = 1 << 20
TEXT_BYTES = 24 << 20
"""Most bytes of a log that is shown: the operator keeps somewhat less of one."""
_GONE = {"NoSuchKey", "404", "NotFound", "NoSuchUpload"}
_WRONG_PARTS = {
    "InvalidPart",
    "InvalidPartOrder",
    "EntityTooSmall",
    "InvalidRequest",
    "MalformedXML",
    "InvalidArgument",
}
_THERE_ALREADY = {"PreconditionFailed", "ConditionalRequestConflict", "412"}


class UploadGoneError(Exception):
    """S3 knows no upload of that identifier: it was completed or aborted, or never was."""


class WrongPartsError(Exception):
    """Parts are missing, in the wrong order, too small, or not those that S3 has. The text is S3's."""


@dataclass(frozen=True)
class Part:
    """A part that S3 has."""

    number: int
    etag: str
    size: int


@dataclass(frozen=True)
class Stored:
    """A whole object, read to its end."""

    size: int
    sha256: str


class PresignedStore:
    """Uploads and downloads in one bucket. Every method raises StorageError when S3 refuses or is away."""

    def __init__(
        self, bucket: str, public_url: str = "", on_error: Callable[[StorageError], None] = lambda _: None
    ) -> None:
        """`on_error`: as `ObjectStore` has it."""
        # Here, because boto3 is slow to import, and most commands with an API inside them touch no file.
        from dagy_builder.storage.client import s3_client
        from dagy_builder.storage.store import ObjectStore

        self.bucket = bucket
        self._objects = ObjectStore(bucket, on_error)
        self._signer = s3_client(public_url) if public_url else None

    def start(self, key: ObjectKey) -> str:
        """Begin an upload. Return its identifier."""
        about: Any = {"Bucket": self.bucket, "Key": key.text, "ContentType": "application/zip"}
        return self._call(lambda s3: s3.create_multipart_upload(**about))["UploadId"]

    def part_url(self, key: ObjectKey, upload_id: str, number: int, length: int, seconds: int) -> str:
        """Return a part's URL, for all who have it. `length` in bytes is signed: the store refuses any other."""
        part: dict[str, Any] = {"UploadId": upload_id, "PartNumber": number, "ContentLength": length}
        return self._url("upload_part", key, part, seconds, public=True)

    def parts(self, key: ObjectKey, upload_id: str) -> list[Part]:
        """Return the parts that S3 has. Raises UploadGoneError."""
        upload: Any = {"Bucket": self.bucket, "Key": key.text, "UploadId": upload_id}
        found = self._call(
            lambda s3: [p for page in s3.get_paginator("list_parts").paginate(**upload) for p in page.get("Parts", ())]
        )
        return [Part(part["PartNumber"], part["ETag"].strip('"'), part["Size"]) for part in found]

    def complete(self, key: ObjectKey, upload_id: str, parts: Sequence[tuple[int, str]]) -> None:
        """Make the parts one object, unless there is one at that key. Raises UploadGoneError, WrongPartsError."""
        listed: Any = {"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in parts]}
        upload: Any = {"Bucket": self.bucket, "Key": key.text, "UploadId": upload_id}
        try:
            self._call(lambda s3: s3.complete_multipart_upload(**upload, MultipartUpload=listed, IfNoneMatch="*"))
        except StorageError as error:
            code, message = _answer_in(error)
            if code in _THERE_ALREADY:
                return
            if code in _WRONG_PARTS:
                raise WrongPartsError(f"{code}: {message}".rstrip(": ")) from None
            raise

    def abort(self, key: ObjectKey, upload_id: str) -> None:
        """Forget an upload and its parts; one that is gone is fine."""
        upload: Any = {"Bucket": self.bucket, "Key": key.text, "UploadId": upload_id}
        try:
            self._call(lambda s3: s3.abort_multipart_upload(**upload))
        except UploadGoneError:
            return

    def read(self, key: ObjectKey, limit: int) -> Stored | None:
        """Read the object at a key to its end (at most `limit` bytes and a little); None when there is none."""
        chunks = self._objects.chunks(key.text, _READ_BYTES)
        if chunks is None:
            return None
        digest, size = hashlib.sha256(), 0
        for chunk in _until(chunks, limit):
            digest.update(chunk)
            size += len(chunk)
        return Stored(size, digest.hexdigest())

    def data(self, key: ObjectKey, limit: int) -> bytes | None:
        """Return a whole object; None when there is none. StorageError when it has more than `limit` bytes."""
        return self._objects.get(key.text, limit)

    def part(self, key: ObjectKey, start: int, length: int) -> bytes:
        """Return some bytes of an object. Raises UploadGoneError when there is none."""
        found = self._objects.part(key.text, start, length)
        if found is None:
            raise UploadGoneError
        return found

    def size(self, key: ObjectKey) -> int | None:
        """Return the size of the object in bytes; None when there is none."""
        found = self._objects.head(key.text)
        return found.size if found else None

    def etag(self, key: ObjectKey) -> str | None:
        """Return the object's ETag, which changes with its bytes; None when there is no object."""
        found = self._objects.head(key.text)
        return found.etag if found else None

    def delete(self, key: ObjectKey) -> None:
        """Delete the object at a key."""
        self._objects.delete(key.text)

    def download_url(self, key: ObjectKey, seconds: int, *, filename: str = "", public: bool) -> str:
        """Return the URL to read an object, for all who have it: `public` for users, else for pods of the cluster."""
        more = {"ResponseContentDisposition": f'attachment; filename="{filename}"'} if filename else {}
        return self._url("get_object", key, more, seconds, public=public)

    def text(self, key: ObjectKey, limit: int = TEXT_BYTES) -> str | None:
        """Return an object as text (UTF-8); a last line tells of a cut after `limit` bytes. None when there is none."""
        chunks = self._objects.chunks(key.text, _READ_BYTES)
        if chunks is None:
            return None
        data = b"".join(_until(chunks, limit))
        text = data[:limit].decode("utf-8", errors="replace")
        return text if len(data) <= limit else f"{text}\n(Cut here: a log of more than {limit} bytes is not shown.)\n"

    def _url(self, operation: str, key: ObjectKey, more: dict[str, Any], seconds: int, *, public: bool) -> str:
        signer, what = self._signer if public else None, {"Bucket": self.bucket, "Key": key.text, **more}
        return self._call(lambda s3: (signer or s3).generate_presigned_url(operation, what, ExpiresIn=seconds))

    def _call(self, request: Callable[[S3Client], T]) -> T:
        try:
            return self._objects.call(request)
        except StorageError as error:
            if _answer_in(error)[0] in _GONE:
                raise UploadGoneError from error
            raise


def _until(chunks: Generator[bytes, None, None], limit: int) -> Iterator[bytes]:
    """Yield the chunks until there are more than `limit` bytes; the connection is free then."""
    size = 0
    with closing(chunks):
        for chunk in chunks:
            yield chunk
            size += len(chunk)
            if size > limit:
                return


def _answer_in(error: StorageError) -> tuple[str, str]:
    """Return code and message of S3's answer; empty when it did not answer."""
    answer = getattr(error.__cause__, "response", {}).get("Error", {})
    return str(answer.get("Code", "")), str(answer.get("Message", ""))
