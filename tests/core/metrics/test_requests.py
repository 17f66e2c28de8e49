"""What is counted of requests: what they are about, and what came of them, never what they named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.attach.refusals import AttachReason, Refusal
from dagy.core.metrics import catalogue as metrics
from dagy.core.metrics.catalogue import Decision, Resource, Review
from dagy.core.metrics.metric import OTHER
from dagy.core.metrics.requests import decision_of, refusal_samples, request_samples, resource_of, storage_samples

PATHS = sorted(json.loads((Path(__file__).parents[3] / "docs/openapi.json").read_text())["paths"])


@pytest.mark.parametrize("path", PATHS)
def test_every_route_belongs_to_a_resource(path: str) -> None:
    assert resource_of(path)


@pytest.mark.parametrize("path", ["/", "/assets/app-1.js"])
def test_the_console_is_one(path: str) -> None:
    assert resource_of(path) is Resource.CONSOLE


@given(st.text(), st.text(), st.integers())
def test_whatever_strangers_ask_for_the_labels_are_known(path: str, method: str, code: int) -> None:
    for sample in request_samples(path, method, code, 0.1):
        for value, known in zip(sample.labels, sample.metric.labels.values(), strict=True):
            assert value in (*known, OTHER)


@pytest.mark.parametrize(
    ("review", "response", "decision"),
    [
        (Review.PODS, {"allowed": True}, Decision.NOT_ASKED),
        (Review.PODS, {"allowed": True, "patch": "W10=", "warnings": ["x"]}, Decision.ATTACHED),
        (Review.PODS, {"allowed": False, "status": {"code": 403}}, Decision.REFUSED),
        (Review.PODS, {"allowed": False, "status": {"code": 503}}, Decision.UNAVAILABLE),
        (Review.WORKLOADS, {"allowed": True, "warnings": []}, Decision.ALLOWED),
        (Review.WORKLOADS, {"allowed": True, "warnings": ["x"]}, Decision.WARNED),
    ],
)
def test_a_review_is_counted_by_what_the_api_server_is_told(
    review: Review, response: dict[str, object], decision: Decision
) -> None:
    assert decision_of(review, response) is decision


def test_refusals_and_errors_of_s3_are_counted_by_reason() -> None:
    (refused,) = refusal_samples(Refusal(AttachReason.UNKNOWN_SLUG, "No package NOPE0000."))
    assert (refused.metric, refused.labels) == (metrics.REFUSALS, ("UnknownSlug",))
    (failed,) = storage_samples("BucketNotFound")
    assert (failed.metric, failed.labels) == (metrics.STORAGE_ERRORS, ("BucketNotFound",))
