"""The operator is killed (SIGKILL) in the middle: the package completes all the same, once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from mypy_boto3_s3.client import S3Client

from tests.cluster.kube import scaled_down
from tests.e2e.artifacts import keys_below
from tests.e2e.conftest import kill_operator
from tests.e2e.kube import BUILDS, Json, Kube, Recording, package, slow_package

pytestmark = pytest.mark.e2e


def phase_is(*phases: str) -> Callable[[Json], bool]:
    return lambda dp: dp.get("status", {}).get("phase") in phases


@pytest.fixture
def jobs(kube: Kube) -> Iterator[Recording]:
    """All Jobs from now on."""
    with kube.recording("jobs", BUILDS) as recording:
        yield recording


def check(kube: Kube, s3: S3Client, bucket: str, jobs: Recording, name: str) -> None:
    """Completed; two Jobs, one artifact, one slug."""
    done = kube.wait(name, "Ready")
    status = done["status"]
    mine = {
        j["metadata"]["name"]
        for j in jobs.objects()
        if j["metadata"]["labels"].get("dagy.io/package-uid") == done["metadata"]["uid"]
    }
    assert len(mine) == 2, mine
    zips = [key for key in keys_below(s3, bucket, f"{kube.namespace}/{status['slug']}/") if key.endswith(".zip")]
    assert zips == [status["s3Uri"].removeprefix(f"s3://{bucket}/")]
    assert len(kube.list("slugclaims", "--field-selector", f"spec.namespace={kube.namespace},spec.name={name}")) == 1


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
