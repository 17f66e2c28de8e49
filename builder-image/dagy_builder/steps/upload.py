"""Step `upload`: the ZIP and all that belongs to it into the bucket, the record of the build last.

The ZIP is sent while it is still being packed; it becomes an object only when the bytes sent are those that the packer
then tells. The record (its name is a function of the lock, the target, compression and bytecode) is the commit
point: it is written only after the store has said that the whole ZIP is there, and whoever looks for a build looks for
the record. Of two attempts that are under way at one time, the first to write it has won
(docs/decisions/2026-11-21-upload-while-packing.md).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from dagy_builder import keys
from dagy_builder.archive.summary import ARTIFACT, CONTENTS, SBOM, PackageSummary
from dagy_builder.contract import Artifact, BuildRequest, Fault, Reason, Step
from dagy_builder.failure import StepError
from dagy_builder.sizes import human_size
from dagy_builder.steps.handover import TailReader
from dagy_builder.storage.multipart import PART_BYTES, MultipartUpload
from dagy_builder.storage.retry import while_unreachable
from dagy_builder.storage.store import ObjectStore
from dagy_builder.uv.runner import Log

_ZIP = "application/zip"


@dataclass(frozen=True)
class Upload:
    """The content of an upload: the ZIP in `out`, its lock, and the further facts of build.json.

    `ticks` yields while the ZIP may still grow. `summary` waits for the end of packing and raises StepError when it
    failed; `built_with` is asked after it.
    """

    request: BuildRequest
    out: Path
    lock_text: str
    summary: Callable[[], PackageSummary]
    ticks: Iterable[None] = ()
    built_with: Callable[[], Mapping[str, Any]] = dict


def upload(what: Upload, store: ObjectStore, log: Log, retry_seconds: float) -> Artifact:
    """Upload and record. Raises StorageError, and StepError when the ZIP is not the one that was summarized."""
    uploader = _Uploader(what, store, log)
    try:
        return while_unreachable(uploader.run, log, retry_seconds)
    except BaseException:
        uploader.abort()
        raise


class _Uploader:
    """One upload. `run` can be repeated: parts that were sent stay sent."""

    def __init__(self, what: Upload, store: ObjectStore, log: Log) -> None:
        self._what, self._store, self._log = what, store, log
        self._lock_hash = _checked_lock_hash(what)
        request = what.request
        self._names = keys.BuildKeys.of(request.key_prefix, replace(request, lock_hash=self._lock_hash))
        self._key = self._names.artifact(request.build_token, request.attempt)
        self._file = TailReader(what.out / ARTIFACT, what.ticks)
        self._metadata = {"lock-sha256": self._lock_hash}
        self._parts = MultipartUpload(store, self._key, _ZIP, self._metadata)
        self._cleared = False

    def run(self) -> Artifact:
        """Upload, or finish an upload that failed halfway."""
        if not self._file.wait_for(PART_BYTES):  # S3 is asked nothing before there is something to send
            self._what.summary()
        started = time.monotonic()
        before = self._store.get_tagged(self._names.record)
        if before and (kept := _finished_build(self._store, before[0], self._what.request.build_token)):
            self._log(f"{kept.uri} is there already, with its record: nothing to upload")
            return kept
        self._clear_earlier_uploads()
        summary = self._zip()
        artifact = self._sidecars(summary)
        request = self._what.request
        asked = {"buildToken": request.build_token, "sourceDistributions": request.source_distributions}
        record = {**artifact.to_json(), **asked, "slug": request.slug}
        built = self._what.built_with()
        seconds = {**built.get("seconds", {}), Step.UPLOAD: round(time.monotonic() - started, 3)}
        data = json.dumps({**record, **built, "seconds": seconds}, indent=1).encode()
        if not self._store.replace(self._names.record, data, "application/json", before[1] if before else None):
            return self._lost_race()
        for key in self._earlier:
            self._delete(key)
        return artifact

    def abort(self) -> None:
        """Leave no part behind."""
        self._parts.abort()

    @property
    def _earlier(self) -> list[str]:
        """The names under which the earlier attempts of this build would have put their ZIPs."""
        request = self._what.request
        return [self._names.artifact(request.build_token, attempt) for attempt in range(1, request.attempt)]

    def _clear_earlier_uploads(self) -> None:
        """Abort the uploads of an attempt that was killed. One that still lives, on a lost node, ends by it."""
        if self._earlier and not self._cleared:
            self._store.abort_uploads(self._names.prefix, self._earlier)
            self._cleared = True

    def _zip(self) -> PackageSummary:
        digest, size = hashlib.sha256(), 0

        def hashed(blocks: Iterable[bytes]) -> Iterator[bytes]:
            nonlocal size
            for block in blocks:
                digest.update(block)
                size += len(block)
                yield block

        blocks = hashed(self._file.blocks(PART_BYTES))
        first = next(blocks, b"")
        if len(first) == PART_BYTES:
            self._parts.send(chain((first,), blocks))
        summary = self._what.summary()
        if digest.hexdigest() != summary.sha256:
            raise _changed(digest.hexdigest(), summary.sha256)
        whole = len(first) < PART_BYTES
        made = self._store.put_new(self._key, first, _ZIP, self._metadata) if whole else self._parts.complete()
        self._verify(summary, first if whole else None, made=made)
        self._log(f"{self._uri(self._key)} ({human_size(size)}) is complete")
        return summary

    def _verify(self, summary: PackageSummary, whole: bytes | None, *, made: bool) -> None:
        """Check that the object is ours. The store has checked each part on arrival."""
        found = self._store.head(self._key)
        ours = made or (whole is not None and found is not None and found.sha256 == summary.sha256)
        if found is None or found.size != summary.size_bytes or not ours:
            seen = "nothing" if found is None else f"{found.size} bytes that it did not write"
            raise StepError(
                Reason.UPLOAD_FAILED,
                f"{self._uri(self._key)} should be the ZIP of {summary.size_bytes} bytes that this attempt uploaded, "
                f"but S3 has {seen} there. The next attempt takes another name; if this stays, something else writes "
                "to the bucket.",
                Fault.INFRASTRUCTURE,
            )

    def _sidecars(self, summary: PackageSummary) -> Artifact:
        lock_key = keys.sidecar_key(self._key, "pylock.toml")
        contents_key, sbom_key = keys.sidecar_key(self._key, CONTENTS), keys.sidecar_key(self._key, SBOM)
        files = (
            (lock_key, self._what.lock_text.encode(), "application/toml"),
            (contents_key, (self._what.out / CONTENTS).read_bytes(), "application/gzip"),
            (sbom_key, (self._what.out / SBOM).read_bytes(), "application/vnd.cyclonedx+json"),
        )
        with ThreadPoolExecutor(len(files)) as pool:
            list(pool.map(lambda file: self._store.put(*file), files))
        request = self._what.request
        return Artifact(
            uri=self._uri(self._key),
            sha256=summary.sha256,
            content_sha256=summary.content_sha256,
            size_bytes=summary.size_bytes,
            uncompressed_bytes=summary.uncompressed_bytes,
            file_count=summary.file_count,
            package_count=summary.package_count,
            python_version=request.python_version,
            architecture=request.architecture,
            glibc=request.glibc,
            lock_hash=self._lock_hash,
            built_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            zip_importable=summary.zip_importable,
            lock_uri=self._uri(lock_key),
            compression=request.compression,
            bytecode=request.bytecode,
            contents_uri=self._uri(contents_key),
            sbom_uri=self._uri(sbom_key),
            record_uri=self._uri(self._names.record),
            warnings=list(summary.warnings) or None,
        )

    def _lost_race(self) -> Artifact:
        """Another attempt has written the record meanwhile. Nothing points at our objects, so they go."""
        after = self._store.get(self._names.record)
        kept = _finished_build(self._store, after, self._what.request.build_token) if after else None
        if kept is None:
            raise StepError(
                Reason.UPLOAD_FAILED,
                f"{self._uri(self._names.record)} was changed while this attempt uploaded. "
                "If this stays, something else writes there.",
                Fault.INFRASTRUCTURE,
            )
        if kept.uri != self._uri(self._key):
            self._delete(self._key)
        self._log(f"another attempt was faster: {kept.uri}")
        return kept

    def _delete(self, artifact_key: str) -> None:
        for key in list(self._store.list(keys.artifact_prefix(artifact_key))):
            self._store.delete(key)

    def _uri(self, key: str) -> str:
        return keys.uri(self._store.bucket, key)


def _checked_lock_hash(what: Upload) -> str:
    lock_hash = hashlib.sha256(what.lock_text.encode()).hexdigest()
    if what.request.lock_hash and what.request.lock_hash != lock_hash:
        raise StepError(
            Reason.UPLOAD_FAILED,
            f"The lock is not the one of the request (sha256 {lock_hash[:16]} instead of "
            f"{what.request.lock_hash[:16]}). Validate again.",
            Fault.INFRASTRUCTURE,
        )
    return lock_hash


def _changed(found: str, expected: str) -> StepError:
    return StepError(
        Reason.UPLOAD_FAILED,
        f"The ZIP changed after it was packed (sha256 {found[:16]} instead of {expected[:16]}). "
        "If this stays, something else writes to the build's volume.",
        Fault.INFRASTRUCTURE,
    )


def _finished_build(store: ObjectStore, record: bytes, build_token: str) -> Artifact | None:
    """The artifact of an earlier build, if its record answers the same request and its ZIP is there."""
    try:
        fields = json.loads(record)
        artifact = Artifact.from_json(fields)
    except (ValueError, TypeError):
        return None
    if fields.get("buildToken", "") != build_token:
        return None
    found = store.head(keys.key_of(artifact.uri))
    return artifact if found is not None and found.size == artifact.size_bytes else None
