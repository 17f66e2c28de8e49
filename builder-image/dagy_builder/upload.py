"""Step `upload`: the ZIP and what belongs to it into the bucket, the record of the build last.

The record (build.json's name is a function of the lock and the target) is the commit point: it is written only after
the store has said that the whole ZIP is there, and whoever looks for a build looks for the record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dagy_builder import keys
from dagy_builder.contract import Artifact, BuildRequest, Fault, Reason
from dagy_builder.failure import StepError
from dagy_builder.limits import human_size
from dagy_builder.package import ARTIFACT, CONTENTS, PackageSummary
from dagy_builder.retry import while_unreachable
from dagy_builder.storage import ObjectStore
from dagy_builder.uv import Log


@dataclass(frozen=True)
class Upload:
    """What is uploaded: the ZIP in `out`, its summary, its lock, and what build.json tells besides."""

    request: BuildRequest
    out: Path
    summary: PackageSummary
    lock_text: str
    built_with: Mapping[str, Any] = field(default_factory=dict)


def upload(what: Upload, store: ObjectStore, log: Log, retry_seconds: float) -> Artifact:
    """Upload and record. Raises StorageError, and StepError when the ZIP is not the one that was summarized."""
    _check_local(what)
    return while_unreachable(lambda: _upload(what, store, log), log, retry_seconds)


def _upload(what: Upload, store: ObjectStore, log: Log) -> Artifact:
    lock_hash = hashlib.sha256(what.lock_text.encode()).hexdigest()
    request = replace(what.request, lock_hash=lock_hash)
    names = keys.BuildKeys.of(request.key_prefix, request)
    record_key = names.record
    if kept := _reusable(store, record_key, request.build_token):
        log(f"{kept.uri} is there already, with its record: nothing to upload")
        return kept
    zip_key = names.artifact(request.build_token, request.attempt)
    lock_key, contents_key = (keys.sidecar_key(zip_key, name) for name in ("pylock.toml", CONTENTS))
    metadata = {"lock-sha256": lock_hash, "content-sha256": what.summary.content_sha256}
    fresh = store.upload_file(what.out / ARTIFACT, zip_key, what.summary.sha256, metadata)
    _verify(store, zip_key, what.summary)
    size = human_size(what.summary.size_bytes)
    uri = keys.uri(store.bucket, zip_key)
    log(f"{uri} ({size}) is complete" if fresh else f"{uri} ({size}) was there already")
    store.put(lock_key, what.lock_text.encode(), "application/toml")
    store.put(contents_key, (what.out / CONTENTS).read_bytes(), "application/gzip")
    artifact = replace(
        _artifact(what, lock_hash, uri, keys.uri(store.bucket, lock_key)),
        contents_uri=keys.uri(store.bucket, contents_key),
    )
    record = {**artifact.to_json(), "buildToken": request.build_token, "slug": request.slug, **what.built_with}
    store.put(record_key, json.dumps(record, indent=1).encode(), "application/json")
    return artifact


def _check_local(what: Upload) -> None:
    """The ZIP was written by another container: is it the one that was summarized?"""
    with (what.out / ARTIFACT).open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != what.summary.sha256:
        raise StepError(
            Reason.UPLOAD_FAILED,
            f"The ZIP changed after it was packed (sha256 {found[:16]} instead of {what.summary.sha256[:16]}). "
            "It is built again; if this stays, something else writes to the build's volume.",
            Fault.INFRASTRUCTURE,
        )
    lock_hash = hashlib.sha256(what.lock_text.encode()).hexdigest()
    if what.request.lock_hash and what.request.lock_hash != lock_hash:
        raise StepError(
            Reason.UPLOAD_FAILED,
            f"The lock is not the one of the request (sha256 {lock_hash[:16]} instead of "
            f"{what.request.lock_hash[:16]}). Validate again.",
            Fault.INFRASTRUCTURE,
        )


def _reusable(store: ObjectStore, record_key: str, build_token: str) -> Artifact | None:
    """The artifact of an earlier build, if its record answers the same request and its ZIP is there."""
    data = store.get(record_key)
    if data is None:
        return None
    try:
        record = json.loads(data)
        artifact = Artifact.from_json(record)
    except (ValueError, TypeError):
        return None
    if record.get("buildToken", "") != build_token:
        return None
    found = store.head(artifact.uri.removeprefix(f"s3://{store.bucket}/"))
    complete = found is not None and (found.size, found.sha256) == (artifact.size_bytes, artifact.sha256)
    return artifact if complete else None


def _verify(store: ObjectStore, key: str, summary: PackageSummary) -> None:
    found = store.head(key)
    if found is None or (found.size, found.sha256) != (summary.size_bytes, summary.sha256):
        seen = "nothing" if found is None else f"{found.size} bytes with sha256 {found.sha256}"
        raise StepError(
            Reason.UPLOAD_FAILED,
            f"{keys.uri(store.bucket, key)} should have {summary.size_bytes} bytes with sha256 {summary.sha256}, but "
            f"S3 has {seen}. Delete that object; it is not ours.",
            Fault.INFRASTRUCTURE,
        )


def _artifact(what: Upload, lock_hash: str, uri: str, lock_uri: str) -> Artifact:
    request, summary = what.request, what.summary
    return Artifact(
        uri=uri,
        sha256=summary.sha256,
        content_sha256=summary.content_sha256,
        size_bytes=summary.size_bytes,
        uncompressed_bytes=summary.uncompressed_bytes,
        file_count=summary.file_count,
        package_count=summary.package_count,
        python_version=request.python_version,
        architecture=request.architecture,
        glibc=request.glibc,
        lock_hash=lock_hash,
        built_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        zip_importable=summary.zip_importable,
        lock_uri=lock_uri,
        compression=request.compression,
    )
