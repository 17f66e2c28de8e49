"""What is in S3 after an upload, and that a finished artifact is used again or left alone."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dagy_builder import keys
from dagy_builder.contract import Artifact, Fault, Reason
from dagy_builder.steps import pipeline
from dagy_builder.steps.handover import packed_in
from dagy_builder.storage.multipart import MultipartUpload
from dagy_builder.storage.store import ObjectStore
from tests.fakes.uploads import SIDECARS, Build, artifact_in, key_of, unfinished

pytestmark = pytest.mark.apiserver


def test_the_zip_in_s3_runs(build: Build, bucket: str, tmp_path: Path) -> None:
    artifact = artifact_in(build.upload())
    store = ObjectStore(bucket)
    data = store.get(key_of(artifact)) or b""
    zipfile.ZipFile(io.BytesIO(data)).extractall(tmp_path / "extracted")
    code = "import alpha, beta; print(alpha.VERSION, beta.VERSION)"
    environment = {"PYTHONPATH": str(tmp_path / "extracted")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1.1", "1.0"]
    assert store.get(artifact.lock_uri.removeprefix("s3://packages/")) == build.lock.encode()


def test_the_record_tells_all(build: Build, bucket: str) -> None:
    artifact = artifact_in(build.upload(build_token="t1"))
    key = build.names.record
    record = json.loads(ObjectStore(bucket).get(key) or b"")
    assert Artifact.from_json(record) == artifact
    assert (record["buildToken"], record["builtWith"]) == ("t1", "a test")
    assert (artifact.size_bytes, artifact.package_count) == ((packed_in(build.work) / "artifact.zip").stat().st_size, 2)


def test_what_is_there_is_used_again(build: Build) -> None:
    first = artifact_in(build.upload())
    (packed_in(build.work) / "other").touch()
    again = artifact_in(build.upload())
    assert first == again, "the record of the first build, with its time"
    assert any("nothing to upload" in line for line in build.log)


def test_a_new_request_gives_a_new_object_with_the_same_bytes(build: Build) -> None:
    first, second = artifact_in(build.upload(build_token="one")), artifact_in(build.upload(build_token="two"))
    assert first.uri != second.uri
    assert (first.sha256, first.content_sha256) == (second.sha256, second.content_sha256)


def test_the_list_of_contents_is_what_its_hash_says(build: Build, bucket: str) -> None:
    artifact = artifact_in(build.upload())
    assert artifact.contents_uri == artifact.uri.removesuffix(".zip") + ".contents.txt.gz"
    listed = gzip.decompress(ObjectStore(bucket).get(keys.key_of(artifact.contents_uri)) or b"")
    assert hashlib.sha256(listed).hexdigest() == artifact.content_sha256
    mode, digest, path = listed.decode().splitlines()[0].split(" ", 2)
    with zipfile.ZipFile(packed_in(build.work) / "artifact.zip") as archive:
        assert (mode, digest) == ("0644", hashlib.sha256(archive.read(path)).hexdigest())
        assert [line.split(" ", 2)[2] for line in listed.decode().splitlines()] == archive.namelist()


def test_a_record_without_its_zip_is_not_believed(build: Build, bucket: str) -> None:
    artifact = artifact_in(build.upload())
    store = ObjectStore(bucket)
    store._s3.delete_object(Bucket=bucket, Key=key_of(artifact))
    assert artifact_in(build.upload()).uri == artifact.uri
    assert store.head(key_of(artifact))


def test_a_foreign_object_in_the_way_is_left_there_and_the_next_attempt_goes_around_it(
    build: Build, bucket: str
) -> None:
    artifact = artifact_in(build.upload())
    store = ObjectStore(bucket)
    store.put(key_of(artifact), b"something else", "application/zip")
    outcome = build.upload()
    assert (outcome.ok, outcome.reason, outcome.fault) == (False, Reason.UPLOAD_FAILED, Fault.INFRASTRUCTURE)
    assert artifact.uri in (outcome.message or "")
    second = artifact_in(build.attempt(2).upload())
    assert second.uri != artifact.uri
    assert second.sha256 == artifact.sha256


def test_what_a_dead_attempt_left_goes_when_the_next_one_has_recorded(build: Build, bucket: str) -> None:
    """It died between the ZIP and the record; another one while it sent parts."""
    store, first, second = ObjectStore(bucket), build.names.artifact("", 1), build.names.artifact("", 2)
    store.put(first, b"whole", "application/zip")
    store.put(keys.sidecar_key(first, "pylock.toml"), b"its lock", "application/toml")
    MultipartUpload(store, second, "application/zip", {}).send([b"a part"])
    artifact = artifact_in(build.attempt(3).upload())
    assert sorted(store.list("ns/")) == sorted(
        [
            key_of(artifact),
            build.names.record,
            *(keys.sidecar_key(key_of(artifact), name) for name in SIDECARS),
        ]
    )
    assert not unfinished(store)


def test_of_two_attempts_at_once_the_first_to_record_wins(build: Build, bucket: str) -> None:
    """The first attempt's node was lost but still runs: it records while the second one uploads."""
    store, winners = ObjectStore(bucket), list[Artifact]()

    def meanwhile() -> Mapping[str, Any]:
        winners.append(artifact_in(build.upload()))
        return {}

    second = build.attempt(2)
    outcome = pipeline.upload(second.request, build.lock, build.work, build.log.append, built_with=meanwhile)
    assert artifact_in(outcome) == winners[0]
    assert [key for key in store.list("ns/") if key.endswith(".zip")] == [key_of(winners[0])]
