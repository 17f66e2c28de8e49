"""Names of the objects of one build in the bucket. Pure.

A ZIP's name is known before its bytes, so that its upload can begin while it is packed: it names one attempt of one
build. The record's name leaves the attempt out: it is where everybody looks for the build of a lock, and it is written
last.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Self

from dagy_builder.contract import Artifact, BuildRequest
from dagy_builder.platforms import MACHINES

Build = BuildRequest | Artifact
"""Both say what decides a build: the lock, the target and the compression."""

_HASH_DIGITS = 16  # 64 bits: enough to tell apart the builds below one package's prefix


def target_name(python_version: str, architecture: str, glibc: str) -> str:
    """The target as one word, made like a wheel's tags (PEP 425, PEP 600): "cp312-manylinux_2_28_x86_64"."""
    interpreter = "cp" + python_version.replace(".", "")
    return f"{interpreter}-manylinux_{glibc.replace('.', '_')}_{MACHINES[architecture]}"


@dataclass(frozen=True)
class BuildKeys:
    """The names for one lock, target and compression; `prefix` is empty or ends with a slash."""

    prefix: str
    lock_hash: str
    target: str
    compression: str

    @classmethod
    def of(cls, prefix: str, build: Build) -> Self:
        """The names for what a request asks for, or for what an artifact is."""
        target = target_name(build.python_version, build.architecture, build.glibc)
        return cls(prefix, build.lock_hash, target, build.compression)

    @property
    def record(self) -> str:
        """Where the record of the finished build lies."""
        return f"{self._stem}-{self.compression}.build.json"

    def artifact(self, build_token: str, attempt: int) -> str:
        """Where that attempt puts its ZIP; `build_token` is the request that it answers."""
        identity = json.dumps([self.lock_hash, self.target, self.compression, build_token, attempt])
        return f"{self._stem}-{hashlib.sha256(identity.encode()).hexdigest()[:_HASH_DIGITS]}.zip"

    @property
    def _stem(self) -> str:
        return f"{self.prefix}{self.lock_hash[:_HASH_DIGITS]}-{self.target}"


def sidecar_key(artifact: str, name: str) -> str:
    """Where a file that belongs to a ZIP lies, e.g. its pylock.toml: beside it."""
    return f"{artifact_prefix(artifact)}{name}"


def artifact_prefix(artifact: str) -> str:
    """What the names of a ZIP and of all that lies beside it begin with, and no other names do."""
    return artifact.removesuffix("zip")


def uri(bucket: str, key: str) -> str:
    """The object as a URI."""
    return f"s3://{bucket}/{key}"


def key_of(uri: str) -> str:
    """The key in an s3:// URI."""
    return uri.removeprefix("s3://").partition("/")[2]
