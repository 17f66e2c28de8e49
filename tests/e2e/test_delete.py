"""Deleting a package: nothing of it stays but its slug's claim; Retain keeps the objects."""

from __future__ import annotations

import pytest
from mypy_boto3_s3.client import S3Client

from tests.cluster.kube import scaled_down
from tests.e2e.artifacts import keys_below
from tests.e2e.kube import BUILDS, Kube, KubectlError, package, slow_package

pytestmark = pytest.mark.e2e


def test_everything_goes_and_the_same_name_gets_its_slug_back(kube: Kube, s3: S3Client, bucket: str) -> None:
    kube.apply(package("gone", "idna"))
    first = kube.wait("gone", "Ready")
    slug, label = first["status"]["slug"], f"dagy.io/package-uid={first['metadata']['uid']}"
    assert keys_below(s3, bucket, f"{kube.namespace}/{slug}/")
    kube("delete", "dp", "gone", "--timeout=60s")
    assert not keys_below(s3, bucket, f"{kube.namespace}/{slug}/")
    for kind in ("jobs", "configmaps", "pods"):
        assert not kube.list(kind, "-l", label, namespace=BUILDS)

    with pytest.raises(KubectlError, match="a slug belongs to one package for ever"):
        kube("patch", "slugclaim", slug.lower(), "--type=merge", "-p", '{"spec":{"name":"thief"}}')
    kube.apply({**package("thief", "idna", slug=slug)})
    thief = kube.wait("thief")["status"]
    assert thief["phase"] == "FAILED"
    assert f"spec.slug {slug} is not this package's and is never given to another one" in thief["message"]
    assert "gone" not in thief["message"], "whose a slug is, is nobody else's business"
    assert "slug" not in thief

    kube.apply(package("gone", "idna"))
    again = kube.wait("gone", "Ready")
    assert again["status"]["slug"] == slug
    assert again["metadata"]["uid"] != first["metadata"]["uid"]


def test_retain_keeps_the_objects(kube: Kube, s3: S3Client, bucket: str) -> None:
    kube.apply(package("kept", "idna", deletionPolicy="Retain"))
    status = kube.wait("kept", "Ready")["status"]
    kube("delete", "dp", "kept", "--timeout=60s")
    kept = keys_below(s3, bucket, f"{kube.namespace}/{status['slug']}/")
    assert status["s3Uri"].removeprefix(f"s3://{bucket}/") in kept

    kube.apply(package("kept", "idna", deletionPolicy="Delete"))  # and finds its artifact again, without a build
    renewed = kube.wait("kept", "Ready")
    again = renewed["status"]
    assert again["s3Uri"] != status["s3Uri"], "each package has a folder of its own, into which it was copied"
    assert again["artifact"]["sha256"] == status["artifact"]["sha256"]
    assert not kube.list("jobs", "-l", f"dagy.io/package-uid={renewed['metadata']['uid']}", namespace=BUILDS)
    kube("delete", "dp", "kept", "--timeout=60s")
    assert not keys_below(s3, bucket, f"{kube.namespace}/{status['slug']}/")


def test_deleted_in_the_middle_of_a_build(kube: Kube, s3: S3Client, bucket: str) -> None:
    kube.apply(slow_package("hasty", "numpy", "cryptography"))
    building = kube.until("hasty", lambda dp: dp.get("status", {}).get("phase") == "INSTALLING")
    kube("delete", "dp", "hasty", "--timeout=60s")
    label = f"dagy.io/package-uid={building['metadata']['uid']}"
    assert not kube.list("pods", "-l", label, namespace=BUILDS)
    assert not keys_below(s3, bucket, f"{kube.namespace}/{building['status']['slug']}/")


def test_s3_away_delays_the_deletion_visibly(kube: Kube, s3: S3Client, bucket: str) -> None:
    kube.apply(package("stuck", "idna"))
    status = kube.wait("stuck", "Ready")["status"]
    with scaled_down(kube, "dagy-s3", "versitygw"):
        kube("delete", "dp", "stuck", "--wait=false")
        blocked = kube.until("stuck", lambda dp: "is being deleted" in dp["status"]["message"])
        assert "set spec.deletionPolicy to Retain" in blocked["status"]["message"]
    kube("wait", "--for=delete", "dp/stuck", "--timeout=60s")
    assert not keys_below(s3, bucket, f"{kube.namespace}/{status['slug']}/")
