"""Names of the objects of one build in the bucket. Pure.

A ZIP's name is known before its bytes, so that its upload can begin while it is packed: it names one attempt of one
build. The record's name leaves the attempt out: it is where everybody looks for the build of a lock, and it is written
last.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Protocol, Self

from dagy_builder.platforms import MACHINES


class Build(Protocol):
    """What decides a build: the lock, the target, compression and bytecode. Requests and artifacts have it."""

    @property
    def lock_hash(self) -> str:
        """SHA-256 of the lock, in hex."""

    @property
    def python_version(self) -> str:
        """Python minor, e.g. "3.12"."""

    @property
    def architecture(self) -> str:
        """CPU in Go's words: amd64 or arm64."""

    @property
    def glibc(self) -> str:
        """Oldest glibc of the target (PEP 600)."""

    @property
    def compression(self) -> str:
        """Either fast or small."""

    @property
    def has_bytecode(self) -> bool:
        """True when the ZIP holds bytecode."""


_HASH_DIGITS = 16  # 64 bits: enough to tell apart the builds below one package's prefix


def target_name(python_version: str, architecture: str, glibc: str) -> str:
    """The target as one word, made like a wheel's tags (PEP 425, PEP 600): "cp312-manylinux_2_28_x86_64"."""
    interpreter = "cp" + python_version.replace(".", "")
    return f"{interpreter}-manylinux_{glibc.replace('.', '_')}_{MACHINES[architecture]}"


@dataclass(frozen=True)
class BuildKeys:
    """The names for one lock, target, compression, with or without bytecode; `prefix` is empty or ends with a slash.

    Names of builds without bytecode are those of versions that made no other ones.
    """

    prefix: str
    lock_hash: str
    target: str
    compression: str
    has_bytecode: bool = False

    @classmethod
    def of(cls, prefix: str, build: Build) -> Self:
        """Return the names for the build of a request, or for that of an artifact."""
        target = target_name(build.python_version, build.architecture, build.glibc)
        return cls(prefix, build.lock_hash, target, build.compression, build.has_bytecode)

    @property
    def record(self) -> str:
        """The key of the record of the finished build."""
        return f"{self._stem}-{self.compression}{'-bytecode' if self.has_bytecode else ''}.build.json"

    def artifact(self, build_token: str, attempt: int) -> str:
        """Return the key of that attempt's ZIP; `build_token` is the request that it answers."""
        bytecode = ["bytecode"] if self.has_bytecode else []
        identity = json.dumps([self.lock_hash, self.target, self.compression, build_token, attempt, *bytecode])
        return f"{self._stem}-{hashlib.sha256(identity.encode()).hexdigest()[:_HASH_DIGITS]}.zip"

    @property
    def _stem(self) -> str:
        return f"{self.prefix}{self.lock_hash[:_HASH_DIGITS]}-{self.target}"


def sidecar_key(artifact: str, name: str) -> str:
    """Return the key of a file that belongs to a ZIP, e.g. its pylock.toml: beside it."""
    return f"{artifact_prefix(artifact)}{name}"


def artifact_prefix(artifact: str) -> str:
    """Return the prefix of the names of a ZIP and of all that lies beside it, and of no other names."""
    return artifact.removesuffix("zip")


def uri(bucket: str, key: str) -> str:
    """The object as a URI."""
    return f"s3://{bucket}/{key}"


def key_of(uri: str) -> str:
    """The key in an s3:// URI."""
    return uri.removeprefix("s3://").partition("/")[2]
