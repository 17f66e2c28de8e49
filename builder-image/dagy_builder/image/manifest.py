"""Configuration and manifest of an image: the same layers make the same bytes. Pure.

Source: OCI Image Specification 1.1.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dagy_builder.platforms import MACHINES

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+zstd"
_CREATED = "1980-01-01T00:00:00Z"  # as old as the files of the ZIP, so that a rebuild is the same image
SLUG, ZIP_SHA256, LOCK_SHA256, DISTRIBUTION = (
    "dagy.io/slug",
    "dagy.io/zip-sha256",
    "dagy.io/lock-sha256",
    "dagy.io/distribution",
)
"""Annotations of the manifest, labels of the configuration, and the annotation of a distribution's layer."""


@dataclass(frozen=True)
class Blob:
    """Bytes that a registry keeps."""

    digest: str
    """As registries name it: sha256:HEX."""
    size: int
    media_type: str = _LAYER_TYPE
    diff_id: str = ""
    """Of a layer: the digest of its tar before compression."""
    distribution: str = ""

    def descriptor(self) -> dict[str, Any]:
        """Return the OCI content descriptor."""
        told = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        return {**told, "annotations": {DISTRIBUTION: self.distribution}} if self.distribution else told


@dataclass(frozen=True)
class Documents:
    """The two JSON documents of an image, as bytes."""

    config: bytes
    manifest: bytes

    @property
    def digest(self) -> str:
        """The image's digest."""
        return digest_of(self.manifest)


def facts_of(slug: str, zip_sha256: str, lock_sha256: str) -> dict[str, str]:
    """Return what an image tells of itself; empty values are left out."""
    told = {SLUG: slug, ZIP_SHA256: zip_sha256, LOCK_SHA256: lock_sha256}
    return {name: value for name, value in told.items() if value}


def documents(layers: Sequence[Blob], architecture: str, facts: Mapping[str, str]) -> Documents:
    """Return configuration and manifest for layers from the lowest to the uppermost; `architecture` is Go's word."""
    assert architecture in MACHINES
    config = _json(
        {
            "architecture": architecture,
            "config": {"Labels": dict(facts)},
            "created": _CREATED,
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        }
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": Blob(digest_of(config), len(config), _CONFIG_TYPE).descriptor(),
        "layers": [layer.descriptor() for layer in layers],
        "annotations": dict(facts),
    }
    return Documents(config, _json(manifest))


def digest_of(data: bytes) -> str:
    """Return the digest of bytes as registries name it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
