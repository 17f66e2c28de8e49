"""Files straight between S3 and clients: presigned downloads, and uploads in parts. None passes through the API.

A key holds the SHA-256 that the client announced, and is used only after the whole object was read and found to have
it; so what lies at a key in use never changes. boto3 blocks: call from a thread.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from dagy.core.common.keys import ObjectKey
from dagy_builder.storage.errors import StorageError, classify

# Imported where it is used: the API inside a command has no boto3 without the settings of a store.
if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

T = TypeVar("T")
_READ_BYTES = 1 << 20
TEXT_BYTES = 24 << 20
"""Of a log that is shown: the operator keeps somewhat less of one."""
_MISSING = {"NoSuchKey", "404", "NotFound", "NoSuchUpload"}
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

    def __init__(self, bucket: str, public_url: str = "") -> None:
        # Here, because boto3 is slow to import, and most commands with an API inside them touch no file.
        from dagy_builder.storage.store import s3_client

        self.bucket = bucket
        self._s3 = s3_client()
        self._signer = s3_client(public_url) if public_url else self._s3

    def start(self, key: ObjectKey) -> str:
        """Begin an upload; its identifier."""
        return self._call(
            lambda: self._s3.create_multipart_upload(Bucket=self.bucket, Key=key.text, ContentType="application/zip")
        )["UploadId"]

    def part_url(self, key: ObjectKey, upload_id: str, number: int, length: int, seconds: int) -> str:
        """Where a part goes, for whoever has the URL. `length` in bytes is signed: the store refuses any other."""
        part: dict[str, Any] = {"UploadId": upload_id, "PartNumber": number, "ContentLength": length}
        where = {"Bucket": self.bucket, "Key": key.text, **part}
        return self._call(lambda: self._signer.generate_presigned_url("upload_part", where, ExpiresIn=seconds))

    def parts(self, key: ObjectKey, upload_id: str) -> list[Part]:
        """The parts that S3 has. Raises UploadGoneError."""
        pages = self._s3.get_paginator("list_parts").paginate(Bucket=self.bucket, Key=key.text, UploadId=upload_id)
        found = self._call(lambda: [part for page in pages for part in page.get("Parts", ())])
        return [Part(part["PartNumber"], part["ETag"].strip('"'), part["Size"]) for part in found]

    def complete(self, key: ObjectKey, upload_id: str, parts: Sequence[tuple[int, str]]) -> None:
        """Make the parts one object, unless there is one at that key. Raises UploadGoneError, WrongPartsError."""
        from botocore.exceptions import BotoCoreError, ClientError

        listed: Any = {"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in parts]}
        try:
            self._s3.complete_multipart_upload(
                Bucket=self.bucket, Key=key.text, UploadId=upload_id, MultipartUpload=listed, IfNoneMatch="*"
            )
        except (ClientError, BotoCoreError) as error:
            if _code(error) in _THERE_ALREADY:
                return
            if _code(error) in _WRONG_PARTS:
                said = error.response.get("Error", {}).get("Message", "") if isinstance(error, ClientError) else ""
                raise WrongPartsError(f"{_code(error)}: {said}".rstrip(": ")) from None
            raise self._refusal(error) from error

    def abort(self, key: ObjectKey, upload_id: str) -> None:
        """Forget an upload and its parts; one that is gone is fine."""
        try:
            self._call(lambda: self._s3.abort_multipart_upload(Bucket=self.bucket, Key=key.text, UploadId=upload_id))
        except UploadGoneError:
            return

    def read(self, key: ObjectKey, limit: int) -> Stored | None:
        """Read the object at a key to its end (at most `limit` bytes and a little); None when there is none."""
        try:
            body = self._call(lambda: self._s3.get_object(Bucket=self.bucket, Key=key.text))["Body"]
        except UploadGoneError:
            return None
        digest, size = hashlib.sha256(), 0
        with body:
            while size <= limit and (chunk := self._call(lambda: body.read(_READ_BYTES))):
                digest.update(chunk)
                size += len(chunk)
        return Stored(size, digest.hexdigest())

    def size(self, key: ObjectKey) -> int | None:
        """Size of the object in bytes; None when there is none."""
        try:
            return self._call(lambda: self._s3.head_object(Bucket=self.bucket, Key=key.text))["ContentLength"]
        except UploadGoneError:
            return None

    def etag(self, key: ObjectKey) -> str | None:
        """What changes with the object's bytes; None when there is none."""
        try:
            return self._call(lambda: self._s3.head_object(Bucket=self.bucket, Key=key.text))["ETag"]
        except UploadGoneError:
            return None

    def delete(self, key: ObjectKey) -> None:
        """Delete the object at a key."""
        self._call(lambda: self._s3.delete_object(Bucket=self.bucket, Key=key.text))

    def download_url(self, key: ObjectKey, seconds: int, *, filename: str = "", public: bool) -> str:
        """Where an object can be read by whoever has the URL: `public` for users, else for pods of the cluster."""
        what: dict[str, Any] = {"Bucket": self.bucket, "Key": key.text}
        if filename:
            what["ResponseContentDisposition"] = f'attachment; filename="{filename}"'
        signer = self._signer if public else self._s3
        return self._call(lambda: signer.generate_presigned_url("get_object", what, ExpiresIn=seconds))

    def text(self, key: ObjectKey, limit: int = TEXT_BYTES) -> str | None:
        """An object as text (UTF-8), cut with a last line that says so after `limit` bytes; None when there is none."""
        from dagy_builder.storage.store import read_at_most

        try:
            body = self._call(lambda: self._s3.get_object(Bucket=self.bucket, Key=key.text))["Body"]
        except UploadGoneError:
            return None
        with body:
            data = self._call(lambda: read_at_most(body, limit))
        text = data[:limit].decode("utf-8", errors="replace")
        return text if len(data) <= limit else f"{text}\n(Cut here: a log of more than {limit} bytes is not shown.)\n"

    def _call(self, call: Callable[[], T]) -> T:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return call()
        except (ClientError, BotoCoreError) as error:
            raise self._refusal(error) from error

    def _refusal(self, error: ClientError | BotoCoreError) -> UploadGoneError | StorageError:
        if _code(error) in _MISSING:
            return UploadGoneError()
        return classify(error, self.bucket, str(self._s3.meta.endpoint_url))


def _code(error: Exception) -> str:
    from botocore.exceptions import ClientError

    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""
