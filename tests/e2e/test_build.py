"""From apply to COMPLETED, and what lies in S3 then."""

from __future__ import annotations

from pathlib import Path

import pytest
from mypy_boto3_s3.client import S3Client

from tests.e2e import artifacts
from tests.e2e.conftest import ROOT
from tests.e2e.kube import BUILDS, Kube, condition, package

pytestmark = pytest.mark.e2e

PHASES = ["PENDING", "VALIDATING", "QUEUED", "INSTALLING", "PACKAGING", "UPLOADING", "COMPLETED"]
ALWAYS = ["VALIDATING", "QUEUED", "COMPLETED"]
"""The others are shown while they last: what has passed when the operator looks is not written any more."""

SAMPLES = [
    ("ml", "3.12", "import pandas, sklearn, requests; print(pandas.DataFrame({'a': [1, 2]}).a.sum())", "3"),
    ("http", "3.10", "import requests; print(requests.codes.ok)", "200"),
    ("yaml", "3.13", "import yaml; print(yaml.safe_load('[1, 2]'))", "[1, 2]"),
]


@pytest.mark.parametrize(("sample", "python", "code", "printed"), SAMPLES, ids=[s[0] for s in SAMPLES])
def test_the_samples_can_be_used(
    kube: Kube, s3: S3Client, tmp_path: Path, sample: str, python: str, code: str, printed: str
) -> None:
    applied = kube("apply", "--server-side", "-f", str(ROOT / f"manifests/samples/{sample}.yaml"), "-o", "name")
    status = kube.wait(applied.strip().partition("/")[2], "Ready")["status"]
    assert status["phase"] == "COMPLETED"
    data = artifacts.fetch(s3, status["s3Uri"])
    extracted, by_hand = tmp_path / "extracted", tmp_path / "by-hand"
    extracted.mkdir()
    artifacts.extract(data, extracted)
    artifacts.matches(status, data, extracted)
    assert artifacts.run(python, extracted, code) == printed
    artifacts.install_by_hand(artifacts.fetch(s3, status["artifact"]["lockUri"]), python, by_hand)
    assert artifacts.contents(extracted) == artifacts.contents(by_hand)


def test_a_watcher_sees_the_phases_in_order(kube: Kube, s3: S3Client) -> None:
    with kube.recording("dp", kube.namespace) as recording:
        kube.apply(package("tiny", "idna", python="3.11"))
        done = kube.wait("tiny", "Ready")
        kube.until("tiny", lambda dp: dp["status"]["phase"] == "COMPLETED")
    phases = recording.phases("tiny")
    assert phases == [phase for phase in PHASES if phase in phases], "each once, and never back"
    assert set(ALWAYS) <= set(phases)
    assert condition(done, "Settled")["status"] == "True"
    assert all(c["observedGeneration"] == done["metadata"]["generation"] for c in done["status"]["conditions"])
    events = {e["reason"]: e for e in kube.list("events", "--field-selector", "involvedObject.name=tiny")}
    assert {"Validating", "Starting", "ArtifactReady"} <= set(events)
    assert events["ArtifactReady"]["message"] == done["status"]["message"]
    assert "idna" in artifacts.fetch(s3, done["status"]["artifact"]["logUri"]).decode()
    assert "Resolved 1 package" in artifacts.fetch(s3, done["status"]["validation"]["logUri"]).decode()


def test_finished_jobs_and_their_input_are_cleaned_up(kube: Kube) -> None:
    kube.apply(package("tidy", "idna"))
    uid = kube.wait("tidy", "Ready")["metadata"]["uid"]
    label = f"dagy.io/package-uid={uid}"
    for kind in ("jobs", "pods", "configmaps"):
        kube("wait", "--for=delete", kind, "-l", label, "--timeout=60s", namespace=BUILDS)
        assert not kube.list(kind, "-l", label, namespace=BUILDS)


def test_duplicates_and_markers_are_reported(kube: Kube) -> None:
    kube.apply(
        package("dupes", "IDNA==3.6", "certifi", "Idna>=3.7", 'pywin32; sys_platform == "win32"'),
    )
    status = kube.wait("dupes", "Ready")["status"]
    assert status["dependencies"] == ["certifi", "idna>=3.7"]
    assert status["dependencyCount"] == 2
    assert [d["text"] for d in status["dropped"]] == ["IDNA==3.6", 'pywin32; sys_platform == "win32"']
    assert all(d["why"] for d in status["dropped"])
