"""From requirements to a recorded ZIP in S3, all four steps."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from dagy_builder import keys, pipeline
from dagy_builder.contract import Artifact, BuildRequest, Fault, Reason, Step, StepOutcome
from dagy_builder.failure import StepError
from dagy_builder.folders import packed_in
from dagy_builder.handover import Handover
from dagy_builder.multipart import PART_BYTES, MultipartUpload
from dagy_builder.package import PackageSummary
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

    def attempt(self, number: int) -> Build:
        return dataclasses.replace(self, request=dataclasses.replace(self.request, attempt=number))

    @property
    def names(self) -> keys.BuildKeys:
        return keys.BuildKeys.of(self.request.key_prefix, self.request)

    def upload(self, **changes: str) -> StepOutcome:
        request = dataclasses.replace(self.request, **changes)  # type: ignore[arg-type]
        return pipeline.upload(
            request, self.lock, self.work, self.log.append, built_with=lambda: {"builtWith": "a test"}
        )


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
    assert pipeline.package(request, work, lambda _: None, lock_text=lock).ok
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
    key = build.names.record
    record = json.loads(ObjectStore(bucket).get(key) or b"")
    assert Artifact.from_json(record) == artifact
    assert (record["buildToken"], record["builtWith"]) == ("t1", "a test")
    assert (artifact.size_bytes, artifact.package_count) == ((packed_in(build.work) / "artifact.zip").stat().st_size, 2)


def test_what_is_there_is_used_again(build: Build) -> None:
    first = _artifact(build.upload())
    (packed_in(build.work) / "other").touch()
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
    with zipfile.ZipFile(packed_in(build.work) / "artifact.zip") as archive:
        assert (mode, digest) == ("0644", hashlib.sha256(archive.read(path)).hexdigest())
        assert [line.split(" ", 2)[2] for line in listed.decode().splitlines()] == archive.namelist()


def test_a_record_without_its_zip_is_not_believed(build: Build, bucket: str) -> None:
    artifact = _artifact(build.upload())
    store = ObjectStore(bucket)
    store._s3.delete_object(Bucket=bucket, Key=_key(artifact))
    assert _artifact(build.upload()).uri == artifact.uri
    assert store.head(_key(artifact))


def test_a_foreign_object_in_the_way_is_left_there_and_the_next_attempt_goes_around_it(
    build: Build, bucket: str
) -> None:
    artifact = _artifact(build.upload())
    store = ObjectStore(bucket)
    store.put(_key(artifact), b"something else", "application/zip")
    outcome = build.upload()
    assert (outcome.ok, outcome.reason, outcome.fault) == (False, Reason.UPLOAD_FAILED, Fault.INFRASTRUCTURE)
    assert artifact.uri in (outcome.message or "")
    second = _artifact(build.attempt(2).upload())
    assert second.uri != artifact.uri
    assert second.sha256 == artifact.sha256


def test_a_zip_that_changed_since_it_was_packed(build: Build, bucket: str) -> None:
    with (packed_in(build.work) / "artifact.zip").open("ab") as file:
        file.write(b"x")
    outcome = build.upload()
    assert (outcome.ok, outcome.reason) == (False, Reason.UPLOAD_FAILED)
    assert list(ObjectStore(bucket).list("")) == []


def test_a_missing_bucket_fails_at_once(build: Build) -> None:
    outcome = build.upload(bucket="nowhere-to-be-found")
    assert (outcome.reason, outcome.fault) == (Reason.BUCKET_NOT_FOUND, Fault.ADMINISTRATOR)
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


def test_what_a_dead_attempt_left_goes_when_the_next_one_has_recorded(build: Build, bucket: str) -> None:
    """It died between the ZIP and the record; another one while it sent parts."""
    store, first, second = ObjectStore(bucket), build.names.artifact("", 1), build.names.artifact("", 2)
    store.put(first, b"whole", "application/zip")
    store.put(keys.sidecar_key(first, "pylock.toml"), b"its lock", "application/toml")
    MultipartUpload(store, second, "application/zip", {}).send([b"a part"])
    artifact = _artifact(build.attempt(3).upload())
    assert sorted(store.list("ns/")) == sorted(
        [_key(artifact), build.names.record, *(keys.sidecar_key(_key(artifact), name) for name in SIDECARS)]
    )
    assert not _unfinished(store)


SIDECARS = ("pylock.toml", "contents.txt.gz", "sbom.cdx.json")


def _unfinished(store: ObjectStore) -> list[Any]:
    return store.call(lambda s3: s3.list_multipart_uploads(Bucket=store.bucket)).get("Uploads", [])


def test_of_two_attempts_at_once_the_first_to_record_wins(build: Build, bucket: str) -> None:
    """The first attempt's node was lost but still runs: it records while the second one uploads."""
    store, winners = ObjectStore(bucket), list[Artifact]()

    def meanwhile() -> Mapping[str, Any]:
        winners.append(_artifact(build.upload()))
        return {}

    second = build.attempt(2)
    outcome = pipeline.upload(second.request, build.lock, build.work, build.log.append, built_with=meanwhile)
    assert _artifact(outcome) == winners[0]
    assert [key for key in store.list("ns/") if key.endswith(".zip")] == [_key(winners[0])]


class Packer:
    """Lets a ZIP of `size` bytes grow while `ticks` is read; `seen` hears of each tick."""

    def __init__(self, out: Path, size: int, seen: Callable[[int], None] = lambda _: None) -> None:
        self.out, self.data, self.seen = out, os.urandom(size), seen
        for name in ("artifact.zip", "package.json"):
            (out / name).unlink()

    def ticks(self) -> Iterator[None]:
        with (self.out / "artifact.zip").open("ab", buffering=0) as file:
            for start in range(0, len(self.data), 4 << 20):
                file.write(self.data[start : start + (4 << 20)])
                self.seen(start)
                yield
        self.end()

    def end(self) -> None:
        told = PackageSummary(hashlib.sha256(self.data).hexdigest(), "ab" * 32, len(self.data), 1, 1, 1, False)
        (self.out / "package.json").write_text(json.dumps(dataclasses.asdict(told)))

    def upload(self, build: Build, packed: Callable[[], None] = lambda: None) -> StepOutcome:
        return pipeline.upload(
            build.request, build.lock, build.work, build.log.append, ticks=self.ticks(), packed=packed
        )


def test_parts_are_sent_while_the_zip_grows(build: Build, bucket: str) -> None:
    store, sent = ObjectStore(bucket), [0]

    def seen(start: int) -> None:
        """Don't go on before the parts that are there have arrived."""
        deadline = time.monotonic() + 30
        while sent[0] < start // PART_BYTES and time.monotonic() < deadline:
            for one in _unfinished(store):
                where = {"Bucket": bucket, "Key": one["Key"], "UploadId": one["UploadId"]}
                sent[0] = len(store.call(lambda s3, where=where: s3.list_parts(**where)).get("Parts", []))
        assert sent[0] >= start // PART_BYTES

    packer = Packer(packed_in(build.work), (30 << 20) + 5, seen)
    artifact = _artifact(packer.upload(build))
    assert sent[0] >= 3
    assert store.get(_key(artifact)) == packer.data
    assert not _unfinished(store)


def test_a_packer_that_fails_after_parts_were_sent(build: Build, bucket: str) -> None:
    packer = Packer(packed_in(build.work), 20 << 20)

    def failed() -> None:
        raise StepError(Reason.PREVIOUS_STEP_ENDED, "Step package failed.", Fault.INFRASTRUCTURE)

    outcome = packer.upload(build, failed)
    assert (outcome.ok, outcome.reason) == (False, Reason.PREVIOUS_STEP_ENDED)
    assert list(ObjectStore(bucket).list("")) == []
    assert not _unfinished(ObjectStore(bucket))


def test_bytes_that_are_not_what_the_packer_says(build: Build, bucket: str) -> None:
    packer = Packer(packed_in(build.work), 20 << 20)

    def spoil() -> None:
        packer.data = packer.data[:-1] + b"x"
        packer.end()

    outcome = packer.upload(build, spoil)
    assert (outcome.ok, outcome.reason) == (False, Reason.UPLOAD_FAILED)
    assert "changed after it was packed" in (outcome.message or "")
    assert list(ObjectStore(bucket).list("")) == []
    assert not _unfinished(ObjectStore(bucket))


def test_a_cancelled_upload_leaves_no_parts(build: Build, bucket: str) -> None:
    """The containers as processes: package has packed half of it and lives, upload gets SIGTERM."""
    store, folder = ObjectStore(bucket), build.work.parent
    (folder / "input").mkdir()
    (folder / "input/request.json").write_text(json.dumps(build.request.to_json()))
    (folder / "input/pylock.toml").write_text(build.lock)
    (packed_in(build.work) / "artifact.zip").write_bytes(os.urandom(20 << 20))
    arguments = ["upload", "--input", str(folder / "input"), "--work", str(build.work)]
    handover = Handover(build.work)
    with (
        handover.running(Step.PACKAGE) as tick,
        subprocess.Popen([sys.executable, "-m", "dagy_builder", *arguments], stdout=subprocess.PIPE) as process,
    ):
        tick()
        deadline = time.monotonic() + 60
        while not _unfinished(store) and time.monotonic() < deadline and process.poll() is None:
            pass
        assert _unfinished(store)
        process.send_signal(signal.SIGTERM)
        text, _ = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM, text
    assert not _unfinished(store)
    assert list(store.list("")) == []
