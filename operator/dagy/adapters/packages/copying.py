"""Copying finished builds inside the bucket: the ZIP, what lies beside it, and the record last. Blocking."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dagy.core.common.keys import ObjectKey, PackageHome
from dagy.core.package.reuse import relocated
from dagy.model.spec import SourceDistributions
from dagy_builder.contract import Artifact
from dagy_builder.keys import Build, artifact_prefix, key_of, uri
from dagy_builder.storage.store import ObjectStore

# Attempts at a build are counted from 1, so no build ever writes under the copy's name.
_COPY = 0


def copy_build(
    objects: ObjectStore, theirs: PackageHome, ours: PackageHome, build: Build, fields: Mapping[str, Any]
) -> bytes | None:
    """Copy another package's build; its new record, or None when the source is not whole (any more).

    `fields` replaces what the record says of its package; it holds the "buildToken". As in a build, whoever finds the
    record finds the whole artifact. What package code had a part in is not copied: each package answers for its own.
    Raises StorageError.
    """
    for names in theirs.builds(build):
        data = objects.get(names.record)
        kept = json.loads(data) if data else {}
        if kept.get("lockHash") == build.lock_hash and kept.get("sourceDistributions") == SourceDistributions.FORBID:
            return _copy(objects, theirs, names.record, ours, {**kept, **fields})
    return None


def take_over(objects: ObjectStore, home: PackageHome) -> None:
    """Copy the locks and builds that earlier packages of the same slug have left: with deletionPolicy Retain, or in a
    cluster that is no more. Raises StorageError.

    Nothing is used where it was left: an operator that is late with a predecessor's deletion could reach it there.
    """
    listed = list(objects.list(home.earlier.text))
    for theirs in sorted({p for p in map(home.predecessor, listed) if p}, key=lambda p: p.uid):
        if objects.head(theirs.note_of_deletion.text):
            continue  # what has come since the deletion
        for key in [key for key in map(theirs.listed, listed) if key and theirs.is_own(key)]:
            if objects.head(theirs.relocated(key, home).text):
                continue
            if theirs.is_lock(key):
                objects.copy(key.text, theirs.relocated(key, home).text)
            elif theirs.is_record(key):
                _take_over_build(objects, theirs, key, home)
        if objects.head(theirs.retained.text):  # else somebody else may use it, such as another cluster
            objects.delete_prefix(theirs.folder.text)


def _take_over_build(objects: ObjectStore, theirs: PackageHome, record: ObjectKey, ours: PackageHome) -> None:
    data = objects.get(record.text)
    kept = json.loads(data) if data else {}
    if theirs.owns(kept):
        _copy(objects, theirs, record.text, ours, {"buildToken": "", **kept})


def _copy(
    objects: ObjectStore, theirs: PackageHome, record_key: str, ours: PackageHome, fields: Mapping[str, Any]
) -> bytes | None:
    artifact = Artifact.from_json(fields)
    new = ours.builds(artifact)[0]
    zip_uri = uri(objects.bucket, new.artifact(fields["buildToken"], _COPY))
    copy = relocated(
        artifact, zip_uri, old_record=uri(objects.bucket, record_key), new_record=uri(objects.bucket, new.record)
    )
    # Whatever the record says: only what is that package's is read.
    if copy is None or not theirs.owns(artifact.to_json()) or not _copy_family(objects, artifact, copy):
        return None
    record = json.dumps({**fields, **copy.to_json()}, indent=1).encode()
    if objects.replace(new.record, record, "application/json", None):
        return record
    return objects.get(new.record)  # another operator made the same copy meanwhile


def _copy_family(objects: ObjectStore, artifact: Artifact, copy: Artifact) -> bool:
    """Copy the ZIP and what lies beside it. False, and nothing left, when one of them is missing or goes meanwhile."""
    source, target = key_of(artifact.uri), key_of(copy.uri)
    old, new = artifact_prefix(source), artifact_prefix(target)
    found = {key: new + key.removeprefix(old) for key in objects.list(old)}
    named = {key_of(value) for name, value in artifact.to_json().items() if name.lower().endswith("uri")}
    if not {key for key in named if key.startswith(old)} <= set(found):
        return False
    if all(objects.copy(key, new_key) for key, new_key in found.items()):
        copied, original = objects.head(target), objects.head(source)
        if copied and copied == original and copied.size == artifact.size_bytes:
            return True
    for key in found.values():
        objects.delete(key)
    return False
