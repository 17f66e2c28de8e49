"""What changes nothing starts nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.kube import BUILDS, Json, Kube, Recording, package

pytestmark = pytest.mark.e2e


@pytest.fixture
def built(kube: Kube) -> Json:
    """A finished package."""
    kube.apply(package("stable", "certifi", "idna>=3"))
    return kube.wait("stable", "Ready")


@pytest.fixture
def jobs(kube: Kube, built: Json) -> Iterator[Recording]:
    """Jobs of the finished package from now on."""
    label = f"dagy.io/package-uid={built['metadata']['uid']}"
    kube("wait", "--for=delete", "jobs", "-l", label, "--timeout=60s", namespace=BUILDS)
    with kube.recording("jobs", BUILDS, "-l", label) as recording:
        yield recording


def barrier(kube: Kube) -> None:
    """Wait until the operator has dealt with everything up to now: events come in order."""
    kube.apply(package("barrier", "==not-a-requirement"))
    kube.wait("barrier")
    kube("delete", "dp", "barrier")


def test_applying_the_same_again_writes_nothing(kube: Kube, built: Json, jobs: Recording) -> None:
    kube.apply(package("stable", "certifi", "idna>=3"))
    barrier(kube)
    assert kube.get("dp", "stable")["metadata"]["resourceVersion"] == built["metadata"]["resourceVersion"]
    assert not jobs.names()


@pytest.mark.parametrize(
    "change",
    [
        {"dependencies": ["certifi", "idna>=3"], "description": "for the nightly flow"},
        {"dependencies": ["idna>=3", "certifi"]},
        {"dependencies": ["Idna >=3", "CERTIFI"]},
    ],
    ids=["description", "order", "spelling"],
)
def test_what_does_not_matter_starts_no_job(kube: Kube, built: Json, jobs: Recording, change: Json) -> None:
    wanted = package("stable")
    wanted["spec"].update(change)
    kube.apply(wanted)
    after = kube.until("stable", lambda dp: dp["status"]["observedGeneration"] == dp["metadata"]["generation"])
    barrier(kube)
    assert after["metadata"]["generation"] > built["metadata"]["generation"]
    assert after["status"]["artifact"] == built["status"]["artifact"]
    assert after["status"]["phase"] == "COMPLETED"
    assert not jobs.names()


def test_status_erased_by_hand_comes_back_without_a_build(kube: Kube, built: Json, jobs: Recording) -> None:
    kube("patch", "dp", "stable", "--subresource=status", "--type=json", "-p", '[{"op": "remove", "path": "/status"}]')
    after = kube.until("stable", lambda dp: dp.get("status", {}).get("phase") == "COMPLETED")
    assert after["status"]["slug"] == built["status"]["slug"]
    assert after["status"]["s3Uri"] == built["status"]["s3Uri"]
    assert after["status"]["artifact"]["sha256"] == built["status"]["artifact"]["sha256"]
    barrier(kube)
    assert not jobs.names()
