"""From requirements to a recorded ZIP in S3, all four steps."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dagy_builder import keys, pipeline
from dagy_builder.contract import Artifact, BuildRequest, Fault, Reason, StepOutcome
from dagy_builder.resolve import lock_of_result
from dagy_builder.storage import ObjectStore
from tests.builder.gate import Gate
from tests.builder.index import Index

pytestmark = pytest.mark.apiserver


@dataclasses.dataclass
class Build:
    request: BuildRequest
    lock: str
    work: Path
    log: list[str]

    def upload(self, **changes: str) -> StepOutcome:
        request = dataclasses.replace(self.request, **changes)  # type: ignore[arg-type]
        return pipeline.upload(request, self.lock, self.work, self.log.append, built_with={"builtWith": "a test"})


@pytest.fixture
def build(index: Index, bucket: str, tmp_path: Path) -> Build:
    """Everything up to the upload."""
    request = BuildRequest("3.12", index_url=index.url, requirements=["alpha"], bucket=bucket, key_prefix="ns/SLUG/")
    resolved = pipeline.resolve(request, lambda _: None)
    assert resolved.result
    lock = lock_of_result(resolved.result)
    request = dataclasses.replace(request, lock_hash=resolved.result["lockHash"])
    work = tmp_path / "work"
    assert pipeline.install(request, lock, work, lambda _: None).ok
    assert pipeline.package(request, work, lambda _: None).ok
    return Build(request, lock, work, [])


def _artifact(outcome: StepOutcome) -> Artifact:
    assert outcome.ok, outcome.message
    assert outcome.result
    return Artifact.from_json(outcome.result)


def _key(artifact: Artifact) -> str:
    return artifact.uri.removeprefix("s3://packages/")


def test_the_zip_in_s3_runs(build: Build, bucket: str, tmp_path: Path) -> None:
    artifact = _artifact(build.upload())
    store = ObjectStore(bucket)
    data = store.get(_key(artifact)) or b""
    zipfile.ZipFile(io.BytesIO(data)).extractall(tmp_path / "extracted")
    code = "import alpha, beta; print(alpha.VERSION, beta.VERSION)"
    environment = {"PYTHONPATH": str(tmp_path / "extracted")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1.1", "1.0"]
    assert store.get(artifact.lock_uri.removeprefix("s3://packages/")) == build.lock.encode()


def test_the_record_tells_all(build: Build, bucket: str) -> None:
    artifact = _artifact(build.upload(build_token="t1"))
    request = build.request
    key = keys.BuildKeys.of(request.key_prefix, request).record
    record = json.loads(ObjectStore(bucket).get(key) or b"")
    assert Artifact.from_json(record) == artifact
    assert (record["buildToken"], record["builtWith"]) == ("t1", "a test")
    assert (artifact.size_bytes, artifact.package_count) == ((build.work / "out/artifact.zip").stat().st_size, 2)


def test_what_is_there_is_used_again(build: Build) -> None:
    first = _artifact(build.upload())
    (build.work / "out/other").touch()
    again = _artifact(build.upload())
    assert first == again, "the record of the first build, with its time"
    assert any("nothing to upload" in line for line in build.log)


def test_a_new_request_gives_a_new_object_with_the_same_bytes(build: Build) -> None:
    first, second = _artifact(build.upload(build_token="one")), _artifact(build.upload(build_token="two"))
    assert first.uri != second.uri
    assert (first.sha256, first.content_sha256) == (second.sha256, second.content_sha256)


def test_the_list_of_contents_is_what_its_hash_says(build: Build, bucket: str) -> None:
    artifact = _artifact(build.upload())
    assert artifact.contents_uri == artifact.uri.removesuffix(".zip") + ".contents.txt.gz"
    listed = gzip.decompress(ObjectStore(bucket).get(keys.key_of(artifact.contents_uri)) or b"")
    assert hashlib.sha256(listed).hexdigest() == artifact.content_sha256
    mode, digest, path = listed.decode().splitlines()[0].split(" ", 2)
    with zipfile.ZipFile(build.work / "out/artifact.zip") as archive:
        assert (mode, digest) == ("0644", hashlib.sha256(archive.read(path)).hexdigest())
        assert [line.split(" ", 2)[2] for line in listed.decode().splitlines()] == archive.namelist()


def test_a_record_without_its_zip_is_not_believed(build: Build, bucket: str) -> None:
    artifact = _artifact(build.upload())
    store = ObjectStore(bucket)
    store._s3.delete_object(Bucket=bucket, Key=_key(artifact))
    assert _artifact(build.upload()).uri == artifact.uri
    assert store.head(_key(artifact))


def test_a_foreign_object_in_the_way(build: Build, bucket: str) -> None:
    artifact = _artifact(build.upload())
    store = ObjectStore(bucket)
    store.put(_key(artifact), b"something else", "application/zip")
    outcome = build.upload()
    assert (outcome.ok, outcome.reason) == (False, Reason.UPLOAD_FAILED)
    assert artifact.uri in (outcome.message or "")


def test_a_zip_that_changed_since_it_was_packed(build: Build, bucket: str) -> None:
    with (build.work / "out/artifact.zip").open("ab") as file:
        file.write(b"x")
    outcome = build.upload()
    assert (outcome.ok, outcome.reason) == (False, Reason.UPLOAD_FAILED)
    assert list(ObjectStore(bucket).list("")) == []


def test_a_missing_bucket_fails_at_once(build: Build) -> None:
    outcome = build.upload(bucket="nowhere-to-be-found")
    assert (outcome.reason, outcome.fault) == (Reason.BUCKET_NOT_FOUND, Fault.USER)
    assert not any("trying again" in line for line in build.log)


def test_s3_that_comes_back_is_waited_for(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(urlsplit(ObjectStore("packages").endpoint).port or 0)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{gate.port}")

    def log(line: str) -> None:
        build.log.append(line)
        if "trying again in 2 s" in line:
            gate.open()

    try:
        outcome = pipeline.upload(build.request, build.lock, build.work, log)
    finally:
        gate.close()
    assert outcome.ok, outcome.message
    assert (
        f"upload: S3 at http://127.0.0.1:{gate.port} does not answer (connection refused); trying again in 1 s"
        in "\n".join(build.log)
    )


def test_s3_that_stays_away(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{gate.port}")
    monkeypatch.setenv("DAGY_S3_RETRY_SECONDS", "1")
    outcome = pipeline.upload(build.request, build.lock, build.work, build.log.append)
    gate.close()
    assert (outcome.reason, outcome.fault) == (Reason.STORAGE_UNREACHABLE, Fault.INFRASTRUCTURE)
