"""The builder's part, played: locks by the names of requirements, and what an upload leaves in S3."""

from __future__ import annotations

import hashlib
import json

from dagy_builder import keys
from dagy_builder.contract import Artifact, BuildRequest
from dagy_builder.storage.store import ObjectStore
from tests.fakes.kubelet import BUCKET


def lock_of(request: BuildRequest, asked: str) -> str:
    """The lock for these requirements: the same for the same ones, but where something `moving` is asked for again."""
    moved = [asked] if "moving" in " ".join(request.requirements) else []
    return 'lock-version = "1.0"\n' + "".join(f"# {text}\n" for text in [*sorted(request.requirements), *moved])


def upload(objects: ObjectStore, request: BuildRequest, lock: str) -> None:
    """Write ZIP, lock and record."""
    build = keys.BuildKeys.of(request.key_prefix, request)
    key = build.artifact(request.build_token, request.attempt)
    data = f"the ZIP {key}".encode()
    lock_key = keys.sidecar_key(key, "pylock.toml")
    objects.put(key, data, "application/zip")
    objects.put(lock_key, lock.encode(), "application/toml")
    artifact = Artifact(
        uri=keys.uri(BUCKET, key), sha256=hashlib.sha256(data).hexdigest(), content_sha256="cd" * 32, size_bytes=len(data),
        uncompressed_bytes=9, file_count=1, package_count=1, python_version=request.python_version,
        architecture=request.architecture, glibc=request.glibc, lock_hash=request.lock_hash,
        built_at="2026-11-21T12:00:00Z", zip_importable=True, lock_uri=keys.uri(BUCKET, lock_key),
        compression=request.compression, bytecode=request.bytecode,
    )  # fmt: skip
    asked = {"buildToken": request.build_token, "sourceDistributions": request.source_distributions}
    objects.put(build.record, json.dumps({**artifact.to_json(), **asked}).encode(), "application/json")
