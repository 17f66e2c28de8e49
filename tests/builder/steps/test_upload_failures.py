"""Uploads that can't be: a changed ZIP, no bucket, S3 that is away."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from dagy_builder.contract import Fault, Reason
from dagy_builder.steps import pipeline
from dagy_builder.steps.handover import packed_in
from dagy_builder.storage.store import ObjectStore
from tests.fakes.gate import Gate
from tests.fakes.uploads import Build

pytestmark = pytest.mark.apiserver


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
