"""What the webhook answers and counts: images need nothing of the API, and a review is counted by what is told."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterable
from typing import Any

import pytest

from dagy.adapters.settings.attach import AttachSettings
from dagy.core.attach.pin import Attachment, Refusal
from dagy.core.attach.refusals import AttachReason
from dagy.core.attach.ways import Cluster
from dagy.core.metrics import catalogue as metrics
from dagy.core.metrics.metric import Metric, Recorder, Sample, unrecorded
from dagy.model import constants as names
from dagy.web.attach.admission import Admission
from tests.core.attach.test_ways import CLUSTER, image, package
from tests.fakes.attachable import ONE, A, artifact
from tests.fakes.webhook import pod

REFUSAL = Refusal(AttachReason.UNKNOWN_SLUG, "No package that namespace team-a may use has the slug AAAAAAA1.")


class Lookup:
    """Answers always the same."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def plan(self, _request: object) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def admission(
    answer: Any, cluster: Cluster = CLUSTER, *, authority: str = "", tell: bool = True, record: Recorder = unrecorded
) -> Admission:
    settings = AttachSettings()
    return Admission(
        Lookup(answer),  # type: ignore[arg-type]
        lambda: settings.init_container(authority),
        settings.image_volumes,
        lambda: cluster,
        tell=tell,
        record=record,
    )


def answered(reference: str | None, cluster: Cluster = CLUSTER, *, authority: str = "") -> dict[str, Any]:
    found = Attachment((package(A, artifact(ONE), reference),))
    asked = {"uid": "1", "operation": "CREATE", "namespace": "team-a", "object": pod("p", A)}
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked}
    response = asyncio.run(admission(found, cluster, authority=authority).pods(json.dumps(review).encode()))
    return dict(json.loads(bytes(response.body))["response"])


def test_images_are_mounted_while_the_api_is_unknown() -> None:
    response = answered(image(A))
    assert response["allowed"]
    patch = {one["path"]: one["value"] for one in json.loads(base64.b64decode(response["patch"]))}
    assert [volume["image"]["reference"] for volume in patch["/spec/volumes"]] == [image(A)]
    assert "/spec/initContainers" not in patch


@pytest.mark.parametrize(("reference", "cluster"), [(None, CLUSTER), (image(A), Cluster())])
def test_an_init_container_has_to_know_the_api(reference: str | None, cluster: Cluster) -> None:
    response = answered(reference, cluster)
    assert not response["allowed"]
    assert "No replica of dagy-api has published its certificate yet" in response["status"]["message"]
    response = answered(reference, cluster, authority="PEM")
    patch = {one["path"]: one["value"] for one in json.loads(base64.b64decode(response["patch"]))}
    assert [container["name"] for container in patch["/spec/initContainers"]] == ["dagy-attach"]


def review(kind: str, *slugs: str) -> bytes:
    """An AdmissionReview of a pod, or of a Deployment with such pods."""
    annotations = {names.ATTACH_PACKAGES: ",".join(slugs)} if slugs else {}
    pod = {"metadata": {"annotations": annotations}, "spec": {"containers": [{"name": "c", "image": "python:3.12"}]}}
    obj = pod if kind == "pods" else {"kind": "Deployment", "spec": {"template": pod}}
    request = {"uid": "0", "operation": "CREATE", "namespace": "team-a", "object": obj}
    return json.dumps({"request": request}).encode()


def counted(answer: Any, kind: str, *slugs: str, tell: bool = True) -> list[Sample]:
    """What one review is counted as."""
    found: list[Sample] = []

    def record(samples: Iterable[Sample]) -> None:
        found.extend(samples)

    asked = admission(answer, authority="pem", tell=tell, record=record)
    asyncio.run((asked.pods if kind == "pods" else asked.workloads)(review(kind, *slugs)))
    return found


def labels(found: list[Sample], metric: Metric) -> list[tuple[str, ...]]:
    return [sample.labels for sample in found if sample.metric is metric]


@pytest.mark.parametrize(
    ("answer", "kind", "slugs", "decision"),
    [
        (REFUSAL, "pods", ("AAAAAAA1",), "Refused"),
        (REFUSAL, "workloads", ("AAAAAAA1",), "Warned"),
        (REFUSAL, "pods", (), "NotAsked"),
        (ConnectionRefusedError("away"), "pods", ("AAAAAAA1",), "Unavailable"),
        (ConnectionRefusedError("away"), "workloads", ("AAAAAAA1",), "Warned"),
    ],
)
def test_a_review_is_counted_by_its_decision(answer: Any, kind: str, slugs: tuple[str, ...], decision: str) -> None:
    found = counted(answer, kind, *slugs)
    assert labels(found, metrics.REVIEWS) == [(kind, decision)]
    assert labels(found, metrics.REVIEW_SECONDS) == [(kind,)]


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
@pytest.mark.parametrize("place", ["workload", "template"])
@pytest.mark.parametrize("says", ["true", "false", None])
def test_a_workload_that_is_to_fail_fast_is_refused_as_its_pods_would_be(
    operation: str, place: str, says: str | None
) -> None:
    body = json.loads(review("workloads", "AAAAAAA1"))
    asked = body["request"]
    asked["operation"] = operation
    if says:
        part = asked["object"] if place == "workload" else asked["object"]["spec"]["template"]
        part.setdefault("metadata", {}).setdefault("annotations", {})["dagy.io/fail-fast"] = says
    response = asyncio.run(admission(REFUSAL, authority="pem").workloads(json.dumps(body).encode()))
    answer = json.loads(bytes(response.body))["response"]
    if says == "true" and operation == "CREATE":
        assert (answer["allowed"], answer["status"]["message"]) == (False, REFUSAL.message)
    else:
        assert (answer["allowed"], answer["warnings"]) == (True, [f"Pods will be refused: {REFUSAL.message}"])


@pytest.mark.parametrize("tell", [True, False])
def test_a_refusal_is_counted_by_its_reason_even_where_it_is_not_told(tell: bool) -> None:
    found = counted(REFUSAL, "pods", "AAAAAAA1", tell=tell)
    assert labels(found, metrics.REFUSALS) == [("UnknownSlug",)]
