"""Copying finished builds inside the bucket: the ZIP, all that lies beside it, and the record last. Blocking."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dagy.core.common.keys import ObjectKey, PackageHome
from dagy.core.package.records import artifact_in, read_record
from dagy.core.package.reuse import relocated
from dagy.model.spec import SourceDistributions
from dagy.model.status import ArtifactStatus
from dagy_builder.keys import Build, artifact_prefix, key_of, uri
from dagy_builder.storage.store import ObjectStore

# Attempts at a build are counted from 1, so no build ever writes under the copy's name.
_COPY = 0


def copy_build(
    objects: ObjectStore, theirs: PackageHome, ours: PackageHome, build: Build, fields: Mapping[str, Any]
) -> bytes | None:
    """Copy another package's build. Return its new record, or None when the source is not whole (any more).

    `fields` replaces the record's facts about its package; it holds the "buildToken". As in a build, whoever finds the
    record finds the whole artifact. Builds that package code had a part in are not copied: each package answers for
    its own. Raises StorageError.
    """
    for names in theirs.builds(build):
        data = objects.get(names.record)
        kept = json.loads(data) if data and read_record(data, theirs) else {}
        if kept.get("lockHash") == build.lock_hash and kept.get("sourceDistributions") == SourceDistributions.FORBID:
            return _copy(objects, theirs, names.record, ours, {**kept, **fields})
    return None


def take_over(objects: ObjectStore, home: PackageHome) -> None:
    """Copy the locks and builds that earlier packages of the same slug have left: with deletionPolicy Retain, or in a
    cluster that is no more. Raises StorageError.

    Nothing is used where it was left: an operator that is late with a predecessor's deletion could reach it there.
    """
    listed = list(objects.list(home.earlier.text))
    for theirs in home.predecessors(listed):
        if objects.head(theirs.note_of_deletion.text):
            continue  # objects that have come since the deletion
        for key in [key for key in map(theirs.listed, listed) if key and theirs.is_own(key)]:
            if objects.head(theirs.relocated(key, home).text):
                continue
            if theirs.is_lock(key):
                objects.copy(key.text, theirs.relocated(key, home).text)
            elif theirs.is_record(key):
                _take_over_build(objects, theirs, key, home)
        if objects.head(theirs.retained.text):  # else somebody else may use it, such as another cluster
            objects.put(theirs.note_of_deletion.text, b"", "text/plain")  # what comes later is swept away
            objects.delete_prefix(theirs.folder.text)


def _take_over_build(objects: ObjectStore, theirs: PackageHome, record: ObjectKey, ours: PackageHome) -> None:
    data = objects.get(record.text)
    if data and read_record(data, theirs):
        _copy(objects, theirs, record.text, ours, {"buildToken": "", **json.loads(data)})


def _copy(
    objects: ObjectStore, theirs: PackageHome, record_key: str, ours: PackageHome, fields: Mapping[str, Any]
) -> bytes | None:
    artifact = artifact_in(fields)
    new = ours.builds(artifact)[0]
    zip_uri = uri(objects.bucket, new.artifact(fields["buildToken"], _COPY))
    copy = relocated(
        artifact.uris, zip_uri, old_record=uri(objects.bucket, record_key), new_record=uri(objects.bucket, new.record)
    )
    # No matter what the record says: only that package's objects are read.
    if copy is None or not theirs.owns(artifact) or not _copy_family(objects, artifact, key_of(copy["uri"])):
        return None
    record = json.dumps({**fields, **copy}, indent=1).encode()
    if objects.replace(new.record, record, "application/json", None):
        return record
    return objects.get(new.record)  # another operator made the same copy meanwhile


def _copy_family(objects: ObjectStore, artifact: ArtifactStatus, target: str) -> bool:
    """Copy the ZIP and all beside it. Return False, with nothing left, when one of them is missing or vanishes."""
    source = key_of(artifact.uri)
    old, new = artifact_prefix(source), artifact_prefix(target)
    found = {key: new + key.removeprefix(old) for key in objects.list(old)}
    named = {key_of(uri) for uri in artifact.uris.values()}
    if not {key for key in named if key.startswith(old)} <= set(found):
        return False
    if all(objects.copy(key, new_key) for key, new_key in found.items()):
        copied, original = objects.head(target), objects.head(source)
        if copied and copied == original and copied.size == artifact.size_bytes:
            return True
    for key in found.values():
        objects.delete(key)
    return False
