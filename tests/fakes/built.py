"""Artifacts as builds leave them, and what tells one build from another."""

from __future__ import annotations

from dagy.core.package.observed import Resolution
from dagy.core.package.plan import BuildPlan
from dagy.core.package.records import artifact_in
from dagy.model.status import ArtifactStatus
from dagy_builder.contract import Artifact


def artifact(
    lock_hash: str, python: str = "3.12", number: int = 0, compression: str = "fast", bytecode: str | None = "Include"
) -> ArtifactStatus:
    """An artifact of that lock."""
    built = Artifact(
        uri=f"s3://bucket/{lock_hash[:8]}-{number}.zip",
        sha256="ab" * 32,
        content_sha256="cd" * 32,
        size_bytes=58_300_000,
        uncompressed_bytes=245_000_000,
        file_count=6054,
        package_count=15,
        python_version=python,
        architecture="amd64",
        glibc="2.28",
        lock_hash=lock_hash,
        built_at=f"2026-11-21T12:00:{number:02d}Z",
        zip_importable=False,
        lock_uri=f"s3://bucket/{lock_hash[:8]}.pylock.toml",
        compression=compression,
        bytecode=bytecode,
    )
    return artifact_in(built.to_json())


def identity(plan: BuildPlan, found: Resolution) -> tuple[str, str, str, str | None]:
    """What tells one build from another; the last is None for those of versions that knew no bytecode."""
    wanted = plan.request()
    return found.lock_hash, wanted.python_version, wanted.compression, wanted.bytecode
