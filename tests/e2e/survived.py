"""What must be true of a package in whose build something was killed."""

from __future__ import annotations

from collections.abc import Callable

from mypy_boto3_s3.client import S3Client

from tests.e2e.artifacts import keys_below
from tests.e2e.kube import Json, Kube, Recording


def phase_is(*phases: str) -> Callable[[Json], bool]:
    return lambda dp: dp.get("status", {}).get("phase") in phases


def check(kube: Kube, s3: S3Client, bucket: str, jobs: Recording, name: str, most_jobs: int = 2) -> None:
    """Completed; two Jobs, one artifact, one slug. `most_jobs`: more where a pod may be lost, which costs an attempt."""
    done = kube.wait(name, "Ready")
    status = done["status"]
    mine = {
        j["metadata"]["name"]
        for j in jobs.objects()
        if j["metadata"]["labels"].get("dagy.io/package-uid") == done["metadata"]["uid"]
    }
    assert 2 <= len(mine) <= most_jobs, mine
    zips = [key for key in keys_below(s3, bucket, f"{kube.namespace}/{status['slug']}/") if key.endswith(".zip")]
    assert zips == [status["s3Uri"].removeprefix(f"s3://{bucket}/")]
    assert len(kube.list("slugclaims", "--field-selector", f"spec.namespace={kube.namespace},spec.name={name}")) == 1
