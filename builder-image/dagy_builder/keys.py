"""Names of the objects of one build in the bucket. Pure.

A ZIP's key holds its own hash, so a key never gets other bytes. The record's key doesn't: it is where everybody looks
for the build of a lock, and it is written last.
"""

from __future__ import annotations

_HASH_DIGITS = 16  # 64 bits: enough to tell apart the builds below one package's prefix
_PLATFORM_CPU = {"amd64": "x86_64", "arm64": "aarch64"}


def target_name(python_version: str, architecture: str, glibc: str) -> str:
    """The target as one word, made like a wheel's tags (PEP 425, PEP 600): "cp312-manylinux_2_28_x86_64"."""
    interpreter = "cp" + python_version.replace(".", "")
    return f"{interpreter}-manylinux_{glibc.replace('.', '_')}_{_PLATFORM_CPU[architecture]}"


def record_key(key_prefix: str, lock_hash: str, python_version: str, architecture: str, glibc: str) -> str:
    """Where the record of the finished build of a lock lies; `key_prefix` is empty or ends with a slash."""
    return f"{key_prefix}{_build_name(lock_hash, python_version, architecture, glibc)}.build.json"


def artifact_key(
    key_prefix: str, lock_hash: str, python_version: str, architecture: str, glibc: str, *, sha256: str
) -> str:
    """Where the ZIP with that sha256 lies."""
    return f"{key_prefix}{_build_name(lock_hash, python_version, architecture, glibc)}-{sha256[:_HASH_DIGITS]}.zip"


def sidecar_key(artifact: str, name: str) -> str:
    """Where a file that belongs to a ZIP lies, e.g. its pylock.toml: beside it."""
    return f"{artifact.removesuffix('.zip')}.{name}"


def uri(bucket: str, key: str) -> str:
    """The object as a URI."""
    return f"s3://{bucket}/{key}"


def _build_name(lock_hash: str, python_version: str, architecture: str, glibc: str) -> str:
    return f"{lock_hash[:_HASH_DIGITS]}-{target_name(python_version, architecture, glibc)}"
