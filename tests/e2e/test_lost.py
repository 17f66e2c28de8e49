"""A ZIP that somebody deletes in the bucket is not believed to be there, and built again to the same bytes."""

from __future__ import annotations

import pytest
from mypy_boto3_s3.client import S3Client

from tests.e2e.kube import Json, Kube, condition, eventually, package

pytestmark = pytest.mark.e2e


def rebuilt(package: Json) -> bool:
    return "rebuiltAt" in package.get("status", {}).get("lost", {})


def test_a_deleted_zip_is_told_and_built_again(kube: Kube, s3: S3Client, bucket: str) -> None:
    kube.apply(package("lost", "idna", "six"))
    before = kube.wait("lost", "Ready")["status"]
    key = before["s3Uri"].removeprefix(f"s3://{bucket}/")
    s3.delete_object(Bucket=bucket, Key=key)
    # Whoever looks, looks whether it is there; else it is found within the hour.
    with kube.recording("dp", kube.namespace) as packages:
        eventually(lambda: bool(packages.objects()), "the watch to begin")
        kube(
            "patch", "dp", "lost", "--subresource=status", "--type=json", "-p", '[{"op": "remove", "path": "/status"}]'
        )
        eventually(lambda: any(rebuilt(dp) for dp in packages.objects()), "the ZIP to be there again", 180)
    told = [dp for dp in packages.objects() if condition(dp, "Ready").get("reason") == "ArtifactGone"]
    assert told
    assert condition(told[0], "Ready")["status"] == "False"
    assert before["s3Uri"] in told[0]["status"]["message"]
    after = kube.wait("lost", "Ready")["status"]
    assert (after["artifact"]["uri"], after["artifact"]["sha256"]) == (before["s3Uri"], before["artifact"]["sha256"])
    assert s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == before["artifact"]["sizeBytes"]
