"""S3 away, credentials wrong, bucket missing."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.cluster.kube import scaled_down
from tests.e2e.conftest import changed_secret, restart_operator
from tests.e2e.kube import BUILDS, SYSTEM, Kube, package, slow_package

pytestmark = pytest.mark.e2e

OUTAGE_SECONDS = 60
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


def test_an_outage_during_the_upload_is_survived(kube: Kube) -> None:
    kube.apply(slow_package("patient", "numpy", "cryptography"))
    kube.until("patient", lambda dp: dp.get("status", {}).get("phase") == "INSTALLING")
    with scaled_down(kube, "dagy-s3", "versitygw"):
        kube.until("patient", lambda dp: dp["status"]["phase"] == "UPLOADING")
        threading.Event().wait(OUTAGE_SECONDS)  # the outage itself is what is tested
        assert kube.get("dp", "patient")["status"]["phase"] == "UPLOADING"
    status = kube.wait("patient", "Ready")["status"]
    assert status["phase"] == "COMPLETED"
    assert status["build"]["attempt"] == 1


@contextmanager
def keys_in_a_file(kube: Kube, namespace: str, name: str) -> Iterator[None]:
    """The keys of dagy-s3 in a Secret of their own, as a file, and no more in that one, while the block runs."""
    data = kube.get("secret", "dagy-s3", namespace)["data"]
    lines = [f"{key.lower()} = {base64.b64decode(data[key]).decode()}\n" for key in KEYS]
    text = "".join(["[default]\n", *lines])
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"credentials": text}}
    kube("apply", "--server-side", "-f", "-", stdin=secret, namespace=namespace)
    try:
        with changed_secret(kube, namespace, **dict.fromkeys(KEYS, "")):
            yield
    finally:
        kube("delete", "secret", name, namespace=namespace)


def test_each_role_may_have_its_keys_in_a_file(kube: Kube) -> None:
    with ExitStack() as files:
        files.callback(restart_operator, kube)  # last, with the keys where they were
        files.enter_context(keys_in_a_file(kube, BUILDS, "dagy-s3-builds"))
        files.enter_context(keys_in_a_file(kube, SYSTEM, "dagy-s3-operator"))
        restart_operator(kube)
        kube.apply(package("by-file", "idna"))
        assert kube.wait("by-file", "Ready")["status"]["phase"] == "COMPLETED"


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
