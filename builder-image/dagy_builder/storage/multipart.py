"""An object that is uploaded in parts while its bytes come into being."""

from __future__ import annotations

import base64
import hashlib
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dagy_builder.storage.store import ObjectStore, StorageError

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART_BYTES = 8 << 20
_AT_ONCE = 4
# Written beside the object, because a name that is taken may be taken by ourselves: an answer can get lost.
_ORIGIN = "upload"


class MultipartUpload:
    """One object, S3's way. Every method raises StorageError, and can be repeated: parts that were sent stay sent."""

    def __init__(self, store: ObjectStore, key: str, content_type: str, metadata: Mapping[str, str]) -> None:
        self._store, self._key, self._origin = store, key, uuid.uuid4().hex
        self._where: dict[str, Any] = {"Bucket": store.bucket, "Key": key}
        self._about: dict[str, Any] = {"ContentType": content_type, "Metadata": {**metadata, _ORIGIN: self._origin}}
        self._upload: dict[str, Any] = {}
        self._parts: dict[int, CompletedPartTypeDef] = {}

    def send(self, blocks: Iterable[bytes]) -> None:
        """Send the blocks as parts, several at a time; all but the last have PART_BYTES. A part is sent only once."""
        if not self._upload:
            created = self._store.call(
                lambda s3: s3.create_multipart_upload(**self._where, **self._about, ChecksumAlgorithm="SHA256")
            )
            self._upload = {**self._where, "UploadId": created["UploadId"]}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            under_way: deque[Future[None]] = deque()
            try:
                for number, block in enumerate(blocks, start=1):
                    if self._is_sent(number, block):
                        continue
                    if len(under_way) == _AT_ONCE:
                        under_way.popleft().result()
                    under_way.append(pool.submit(self._send, number, block))
                while under_way:
                    under_way.popleft().result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def complete(self) -> bool:
        """Make the parts an object. False when somebody else's object has the name, which is left alone."""
        parts = [self._parts[number] for number in sorted(self._parts)]
        try:
            made = self._store.if_absent(
                lambda s3, condition: s3.complete_multipart_upload(
                    **self._upload, MultipartUpload={"Parts": parts}, **condition
                )
            )
        except StorageError:
            if not self._is_ours():
                raise
            made = True
        if made or self._is_ours():
            self._upload = {}
            return True
        return False

    def abort(self) -> None:
        """Give the parts up: those of an unfinished upload cost money until somebody does. Raises nothing."""
        if self._upload:
            with suppress(StorageError):
                self._store.call(lambda s3: s3.abort_multipart_upload(**self._upload))
            self._upload = {}

    def _is_sent(self, number: int, block: bytes) -> bool:
        return number in self._parts and self._parts[number]["ChecksumSHA256"] == _checksum(block)

    def _send(self, number: int, block: bytes) -> None:
        checksum = _checksum(block)
        sent = self._store.call(
            lambda s3: s3.upload_part(**self._upload, PartNumber=number, Body=block, ChecksumSHA256=checksum)
        )
        self._parts[number] = {"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum}

    def _is_ours(self) -> bool:
        found = self._store.head(self._key)
        return found is not None and found.metadata.get(_ORIGIN) == self._origin


def _checksum(block: bytes) -> str:
    return base64.b64encode(hashlib.sha256(block).digest()).decode()
