"""The operator is killed (SIGKILL) in the middle: the package completes all the same, once."""

from __future__ import annotations

import pytest
from mypy_boto3_s3.client import S3Client

from tests.cluster.kube import scaled_down
from tests.e2e.conftest import kill_operator
from tests.e2e.kube import Kube, Recording, package, slow_package
from tests.e2e.survived import check, phase_is

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("phase", ["VALIDATING", "INSTALLING"])
def test_killed_while_a_job_runs(kube: Kube, s3: S3Client, bucket: str, jobs: Recording, phase: str) -> None:
    kube.apply(slow_package("survivor", "numpy", "cryptography"))
    kube.until("survivor", phase_is(phase))
    kill_operator(kube)
    check(kube, s3, bucket, jobs, "survivor")


def test_killed_while_uploading(kube: Kube, s3: S3Client, bucket: str, jobs: Recording) -> None:
    kube.apply(slow_package("survivor", "numpy", "cryptography"))
    kube.until("survivor", phase_is("INSTALLING"))
    with scaled_down(kube, "dagy-s3", "versitygw"):  # so that the upload lasts
        kube.until("survivor", phase_is("UPLOADING"))
        kill_operator(kube)
    check(kube, s3, bucket, jobs, "survivor")


def test_killed_again_and_again(kube: Kube, s3: S3Client, bucket: str, jobs: Recording) -> None:
    kube.apply(package("survivor", "idna"))
    kube.until("survivor", lambda dp: bool(dp.get("status")))
    for _ in range(3):
        kill_operator(kube)
    check(kube, s3, bucket, jobs, "survivor")
