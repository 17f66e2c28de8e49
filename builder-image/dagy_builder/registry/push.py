"""Pushing an image that lies in a folder: what the registry lacks, then the manifest by its digest, then a tag.

Nobody refers to the tag. It keeps the image from registries that delete what has none, and its name is the image's own
digest, so that it never has to change: a registry may forbid that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dagy_builder.image.layering import OWN_BYTES
from dagy_builder.image.layers import blob_path, read_manifest
from dagy_builder.image.manifest import Blob
from dagy_builder.registry.client import RegistryClient
from dagy_builder.sizes import human_size


@dataclass
class Pushed:
    """How an image came to its registry, in bytes of its layers."""

    there: int = 0
    mounted: int = 0
    uploaded: int = 0


def tag_of(digest: str) -> str:
    """Return the tag of the image with that digest. sha256-HEX is taken: a tag of referrers (OCI Distribution 1.1)."""
    return f"image-{digest.removeprefix('sha256:')}"


def push(client: RegistryClient, shared: RegistryClient, layout: Path, log: Callable[[str], object]) -> str:
    """Push the image in an OCI layout. Return its reference, by digest. Raises RegistryError, OSError, ValueError.

    `shared`: the repository in which packages find each other's large layers.
    """
    manifest, blobs = read_manifest(layout)
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    tag, pushed = tag_of(digest), Pushed()
    if client.digest_at(tag) != digest:
        for blob in blobs:
            _provide(client, shared, blob, layout, pushed)
        client.put_manifest(manifest, digest)
        client.put_manifest(manifest, tag)
    log(
        f"{client.repository.image(digest)}: {human_size(pushed.uploaded)} sent, {human_size(pushed.mounted)} taken "
        f"from other packages, {human_size(pushed.there)} was there"
    )
    return client.repository.image(digest)


def _provide(client: RegistryClient, shared: RegistryClient, blob: Blob, layout: Path, pushed: Pushed) -> None:
    if client.has_blob(blob):
        pushed.there += blob.size
        return
    large = blob.size >= OWN_BYTES // 4  # what is smaller is sent as soon as asked for
    if large and client.mount(blob, shared.repository):
        pushed.mounted += blob.size
        return
    client.upload(blob, blob_path(layout, blob.digest))
    pushed.uploaded += blob.size
    if large:
        shared.mount(blob, client.repository)
