"""A package whose lock was built already gets the artifact in a second or two, without a pod."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from mypy_boto3_s3.client import S3Client

from tests.e2e.artifacts import fetch
from tests.e2e.kube import BUILDS, Json, Kube, package

pytestmark = pytest.mark.e2e

BESIDE = ("uri", "lockUri", "contentsUri", "sbomUri", "logUri")


def test_the_same_lock_is_built_once(kube: Kube, s3: S3Client) -> None:
    kube.apply(package("first", "requests==2.32.3"))
    first = kube.wait("first", "Ready")["status"]
    _everything_lies_beside(s3, first)
    with kube.recording("pods", BUILDS, "-l", "dagy.io/job=build") as pods, kube.recording("dp", kube.namespace) as dps:
        kube.apply(package("second", "Requests==2.32.3", "urllib3"))
        second = kube.wait("second", "Ready")
        kube.until("second", lambda dp: dp["status"]["phase"] == "COMPLETED")
    assert not [p for p in pods.objects() if p["metadata"]["annotations"]["dagy.io/package"].endswith("/second")]
    assert dps.phases("second")[-1] == "COMPLETED"
    status = second["status"]
    assert status["lockHash"] == first["lockHash"]
    assert status["build"]["reusedFrom"] == {"namespace": kube.namespace, "name": "first", "slug": first["slug"]}
    assert _copy_seconds(dps.objects()) < 2
    for name in BESIDE:
        assert f"/{status['slug']}/" in status["artifact"][name]
        assert fetch(s3, status["artifact"][name]) == fetch(s3, first["artifact"][name])
    record = json.loads(fetch(s3, status["artifact"]["recordUri"]))
    assert (record["slug"], record["reusedFrom"]) == (status["slug"], status["build"]["reusedFrom"])


def _copy_seconds(versions: list[Json]) -> float:
    """From the validation's end, as the package that is copied tells it, to COMPLETED."""
    done = [dp["status"] for dp in versions if dp["metadata"]["name"] == "second" and dp.get("status", {}).get("phase")]
    began = done[-1]["validation"]["time"]
    ended = next(c["lastTransitionTime"] for c in done[-1]["conditions"] if c["type"] == "Ready")
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()


def _everything_lies_beside(s3: S3Client, status: Json) -> None:
    """Lock, list of contents, bill of materials, log, and a record of how it came about."""
    artifact = status["artifact"]
    stem = artifact["uri"].removesuffix("zip")
    assert all(artifact[name].startswith(stem) for name in BESIDE)
    sbom = fetch(s3, artifact["sbomUri"]).decode()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(sbom) is None
    components = {c["name"]: c for c in json.loads(sbom)["components"]}
    assert {"requests", "urllib3", "idna", "certifi"} <= set(components)
    assert components["requests"]["licenses"] == [{"license": {"name": "Apache-2.0"}}]
    assert all(c["hashes"][0]["content"] in fetch(s3, artifact["lockUri"]).decode() for c in components.values())
    record = json.loads(fetch(s3, artifact["recordUri"]))
    assert set(record["builtWith"]) == {"uv", "python", "platform"}
    assert record["builderImage"].endswith("dagy/builder:dev")
    assert "sha256:" in record["imageId"]
    assert all(record["seconds"][step] > 0 for step in ("install", "package", "upload"))
    assert "install: started" in fetch(s3, artifact["logUri"]).decode()
