"""Parts are sent while the ZIP grows, and none is left when it comes to nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from dagy_builder.contract import Fault, Reason, Step
from dagy_builder.failure import StepError
from dagy_builder.packed_lock import LOCK_FILE, pack
from dagy_builder.steps.handover import Handover, packed_in
from dagy_builder.storage.multipart import PART_BYTES
from dagy_builder.storage.store import ObjectStore
from tests.fakes.uploads import Build, Packer, artifact_in, key_of, parts_sent, unfinished

pytestmark = pytest.mark.apiserver


def test_parts_are_sent_while_the_zip_grows(build: Build, bucket: str) -> None:
    store, sent = ObjectStore(bucket), [0]

    def seen(start: int) -> None:
        """Don't go on before the parts that are there have arrived."""
        deadline = time.monotonic() + 30
        while sent[0] < start // PART_BYTES and time.monotonic() < deadline:
            for one in unfinished(store):
                where = {"Bucket": bucket, "Key": one["Key"], "UploadId": one["UploadId"]}
                sent[0] = len(store.call(lambda s3, where=where: s3.list_parts(**where)).get("Parts", []))
        assert sent[0] >= start // PART_BYTES

    packer = Packer(packed_in(build.work), (30 << 20) + 5, seen)
    artifact = artifact_in(packer.upload(build))
    assert sent[0] >= 3
    assert store.get(key_of(artifact)) == packer.data
    assert not unfinished(store)


def test_a_packer_that_fails_after_parts_were_sent(build: Build, bucket: str) -> None:
    packer = Packer(packed_in(build.work), 20 << 20)

    def failed() -> None:
        raise StepError(Reason.PREVIOUS_STEP_ENDED, "Step package failed.", Fault.INFRASTRUCTURE)

    outcome = packer.upload(build, failed)
    assert (outcome.ok, outcome.reason) == (False, Reason.PREVIOUS_STEP_ENDED)
    assert list(ObjectStore(bucket).list("")) == []
    assert not unfinished(ObjectStore(bucket))


def test_bytes_that_are_not_what_the_packer_says(build: Build, bucket: str) -> None:
    packer = Packer(packed_in(build.work), 20 << 20)

    def spoil() -> None:
        packer.data = packer.data[:-1] + b"x"
        packer.end()

    outcome = packer.upload(build, spoil)
    assert (outcome.ok, outcome.reason) == (False, Reason.UPLOAD_FAILED)
    assert "changed after it was packed" in (outcome.message or "")
    assert list(ObjectStore(bucket).list("")) == []
    assert not unfinished(ObjectStore(bucket))


def test_a_cancelled_upload_leaves_no_parts(build: Build, bucket: str) -> None:
    """The containers as processes: package has packed half of it and lives, upload gets SIGTERM."""
    store, folder = ObjectStore(bucket), build.work.parent
    (folder / "input").mkdir()
    (folder / "input/request.json").write_text(json.dumps(build.request.to_json()))
    (folder / "input" / LOCK_FILE).write_bytes(pack(build.lock))
    (packed_in(build.work) / "artifact.zip").write_bytes(os.urandom(20 << 20))
    arguments = ["upload", "--input", str(folder / "input"), "--work", str(build.work)]
    handover = Handover(build.work)
    with (
        handover.running(Step.PACKAGE) as tick,
        subprocess.Popen([sys.executable, "-m", "dagy_builder", *arguments], stdout=subprocess.PIPE) as process,
    ):
        tick()
        deadline = time.monotonic() + 60
        # Once a part is there, the process knows the upload's id; S3 has it a moment earlier.
        while not parts_sent(store) and time.monotonic() < deadline and process.poll() is None:
            pass
        assert parts_sent(store)
        process.send_signal(signal.SIGTERM)
        text, _ = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM, text
    assert not unfinished(store)
    assert list(store.list("")) == []
