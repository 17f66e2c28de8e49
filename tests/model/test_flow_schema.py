"""What the API server itself refuses of a FlowDeployment, and what it says then."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

pytestmark = pytest.mark.apiserver

ARTIFACT = {"uri": "s3://dagy/team-a/flows/f/abc.zip", "sha256": "0" * 64, "sizeBytes": 10}


def flow(name: str = "f", **spec: Any) -> dict[str, Any]:
    spec = {"artifact": ARTIFACT, "flowName": "daily_etl", "flowVersion": "1", **spec}
    return {"apiVersion": "dagy.io/v1", "kind": "FlowDeployment", "metadata": {"name": name}, "spec": spec}


REFUSED = [
    (
        "21 packages",
        flow(depPackageSlugs=[f"A{n:07}" for n in range(21)]),
        "at most 20 packages can be attached; put several of them into one package",
    ),
    ("a slug twice", flow(depPackageSlugs=["A1B2C3D4", f"A1B2C3D4@{'0' * 64}"]), "a slug stands twice"),
    ("no slug", flow(depPackageSlugs=["a1b2c3d4"]), "spec.depPackageSlugs[0]"),
    ("a flow name that is no module", flow(flowName="daily-etl"), "flowName must be the name of a Python module"),
    ("a time zone without a schedule", flow(timeZone="Europe/Berlin"), "spec.timeZone says nothing"),
    ("root", flow(runAsUser=0), "should be greater than or equal to 1"),
    (
        "a variable from nowhere",
        flow(env=[{"name": "A", "valueFrom": {}}]),
        "valueFrom needs either secretKeyRef or configMapKeyRef",
    ),
    ("a hash that is none", flow(artifact={**ARTIFACT, "sha256": "abc"}), "spec.artifact.sha256"),
    ("a name that is too long for a CronJob", flow(name="f" * 53), "a DNS label of at most 52 characters"),
    ("a name with a dot", flow(name="f.g"), "a DNS label of at most 52 characters"),
    ("an unknown field", flow(slugs=[]), 'unknown field "spec.slugs"'),
]


@pytest.mark.parametrize(("manifest", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused(kubectl: Any, manifest: dict[str, Any], words: str) -> None:
    code, said = kubectl("create", "--validate=strict", "-f", "-", stdin=manifest)
    assert code != 0
    assert words in said


def test_taken_and_shown(kubectl: Any) -> None:
    name = f"taken-{uuid.uuid4().hex[:6]}"
    everything = flow(
        name, flowName="daily-etl", command=["python", "-m", "etl"], schedule="0 3 * * *", timeZone="Europe/Berlin",
        depPackageSlugs=["A1B2C3D4", f"X9Y8Z7W6@{'0' * 64}"], env=[{"name": "A", "value": "1"}], pythonVersion="3.12",
    )  # fmt: skip
    code, said = kubectl("create", "--validate=strict", "-f", "-", stdin=everything)
    assert code == 0, said
    columns = kubectl("get", "fd", name)[1].splitlines()
    assert columns[0].split() == ["NAME", "FLOW", "VERSION", "REVISION", "READY", "SCHEDULE", "LAST", "RUN", "AGE"]
    assert "daily-etl" in columns[1]
    assert name in kubectl("get", "dagy")[1]
    assert json.loads(kubectl("get", "flowdep", name, "-o", "json")[1])["status"]["observedGeneration"] == -1
    assert "first wins" in kubectl("explain", "fd.spec.depPackageSlugs")[1].replace("\n", " ")
