"""S3 away, credentials wrong, bucket missing."""

from __future__ import annotations

import json
import threading

import pytest

from tests.e2e.conftest import changed_secret, restart_operator, scaled_down
from tests.e2e.kube import BUILDS, SYSTEM, Kube, package

pytestmark = pytest.mark.e2e

OUTAGE_SECONDS = 60


def test_an_outage_during_the_upload_is_survived(kube: Kube) -> None:
    kube.apply(package("patient", "numpy", "cryptography"))
    kube.until("patient", lambda dp: dp.get("status", {}).get("phase") == "INSTALLING")
    with scaled_down(kube, "dagy-s3", "versitygw"):
        kube.until("patient", lambda dp: dp["status"]["phase"] == "UPLOADING")
        threading.Event().wait(OUTAGE_SECONDS)  # the outage itself is what is tested
        assert kube.get("dp", "patient")["status"]["phase"] == "UPLOADING"
    status = kube.wait("patient", "Ready")["status"]
    assert status["phase"] == "COMPLETED"
    assert status["build"]["attempt"] == 1


def test_wrong_credentials_of_the_upload_are_named(kube: Kube) -> None:
    with changed_secret(kube, BUILDS, AWS_SECRET_ACCESS_KEY="not-the-right-one"):
        kube.apply(package("refused", "idna"))
        failed = kube.held_up("refused", "StorageAccessDenied")
    assert "bucket dagy" in failed["status"]["message"]
    assert "credentials" in failed["status"]["message"]
    assert "not-the-right-one" not in json.dumps(failed)
    kube("annotate", "dp", "refused", "dagy.io/build=now-with-the-right-ones")
    assert kube.wait("refused", "Ready")["status"]["phase"] == "COMPLETED"


@pytest.mark.parametrize(
    ("changes", "reason", "words"),
    [
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "StorageAccessDenied", "credentials"),
        ({"DAGY_S3_BUCKET": "no-such-bucket"}, "BucketNotFound", "Bucket no-such-bucket does not exist"),
    ],
    ids=["credentials", "bucket"],
)
def test_the_operator_names_what_is_wrong_before_any_job(
    kube: Kube, changes: dict[str, str], reason: str, words: str
) -> None:
    with changed_secret(kube, SYSTEM, **changes):
        restart_operator(kube)
        kube.apply(package("early", "idna"))
        failed = kube.held_up("early", reason)
        assert failed["status"]["phase"] == "PENDING"
        assert words in failed["status"]["message"]
        label = f"dagy.io/package-uid={failed['metadata']['uid']}"
        assert not kube.list("jobs", "-l", label, namespace=BUILDS)
    restart_operator(kube)
    assert kube.wait("early", "Ready")["status"]["phase"] == "COMPLETED"
