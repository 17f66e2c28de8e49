"""Copying a finished build inside the bucket: the ZIP, what lies beside it, and the record last. Blocking."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dagy.core.reuse import moved
from dagy_builder.contract import Artifact
from dagy_builder.keys import BuildKeys, family, key_of, uri
from dagy_builder.storage import ObjectStore

# Attempts at a build are counted from 1, so no build ever writes under the copy's name.
_COPY = 0


def copy_build(objects: ObjectStore, theirs: BuildKeys, ours: BuildKeys, told: Mapping[str, Any]) -> bytes | None:
    """Copy what the record `theirs` tells of; `ours` in bytes, or None when the source is not whole (any more).

    `told` replaces what the record says of its package; it holds the "buildToken". As in a build, whoever finds the
    record finds the whole artifact. Raises StorageError.
    """
    data = objects.get(theirs.record)
    if data is None:
        return None
    kept = json.loads(data)
    artifact = Artifact.from_json(kept)
    zip_uri = uri(objects.bucket, ours.artifact(told["buildToken"], _COPY))
    copy = moved(
        artifact, zip_uri, old_record=uri(objects.bucket, theirs.record), new_record=uri(objects.bucket, ours.record)
    )
    # Whatever the record says: only what lies below that package's prefix is read.
    if copy is None or not key_of(artifact.uri).startswith(theirs.prefix) or not _copy_family(objects, artifact, copy):
        return None
    record = json.dumps({**kept, **copy.to_json(), **told}, indent=1).encode()
    if objects.replace(ours.record, record, "application/json", None):
        return record
    return objects.get(ours.record)  # another operator made the same copy meanwhile


def _copy_family(objects: ObjectStore, artifact: Artifact, copy: Artifact) -> bool:
    """Copy the ZIP and what lies beside it. False, and nothing left, when one of them is missing or goes meanwhile."""
    source, target = key_of(artifact.uri), key_of(copy.uri)
    old, new = family(source), family(target)
    found = {key: new + key.removeprefix(old) for key in objects.list(old)}
    named = {key_of(value) for name, value in artifact.to_json().items() if name.lower().endswith("uri")}
    if not {key for key in named if key.startswith(old)} <= set(found):
        return False
    if all(objects.copy(key, copied) for key, copied in found.items()):
        told, wanted = objects.head(target), objects.head(source)
        if told and told == wanted and told.size == artifact.size_bytes:
            return True
    for copied in found.values():
        objects.delete(copied)
    return False
