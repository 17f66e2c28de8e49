"""What is counted of requests: to the API, to the webhook, to S3, to the package index. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from dagy.core.attach.refusals import Refusal
from dagy.core.metrics import catalogue as metrics
from dagy.core.metrics.catalogue import Decision, IndexResult, Resource, Review
from dagy.core.metrics.metric import Sample

_FORBIDDEN = 403
_PROCESS = {"healthz", "readyz", "openapi.json"}
_CONSOLE = {"", "assets", "console"}


def resource_of(path: str) -> Resource | None:
    """Return what a path of the API is about; None for what is none of its resources."""
    first = re.split("[/:]", path.removeprefix("/"), maxsplit=1)[0]
    if first in _PROCESS:
        return Resource.PROCESS
    if first in _CONSOLE:
        return Resource.CONSOLE
    return Resource(first) if first in tuple(Resource) else None


def request_samples(path: str, method: str, code: int, seconds: float) -> Iterator[Sample]:
    """Yield what is counted of a request to the API. `seconds`: until its answer began."""
    resource = resource_of(path)
    yield metrics.REQUESTS.sample(resource=resource, method=method, code=str(code))
    yield metrics.REQUEST_SECONDS.sample(seconds, resource=resource)


def review_samples(review: Review, response: Mapping[str, Any], seconds: float) -> Iterator[Sample]:
    """Yield what is counted of a review. `response`: that of the AdmissionReview (admission.k8s.io/v1)."""
    yield metrics.REVIEWS.sample(webhook=review, decision=decision_of(review, response))
    yield metrics.REVIEW_SECONDS.sample(seconds, webhook=review)


def decision_of(review: Review, response: Mapping[str, Any]) -> Decision:
    """Return what a response says to the API server."""
    if not response["allowed"]:
        return Decision.REFUSED if response["status"]["code"] == _FORBIDDEN else Decision.UNAVAILABLE
    if review is Review.PODS:
        return Decision.ATTACHED if "patch" in response else Decision.NOT_ASKED
    return Decision.WARNED if response.get("warnings") else Decision.ALLOWED


def refusal_samples(refusal: Refusal) -> Iterator[Sample]:
    """Yield what is counted of a pod, or of a workload, that is refused."""
    yield metrics.REFUSALS.sample(reason=refusal.reason)


def storage_samples(reason: str) -> Iterator[Sample]:
    """Yield what is counted when S3 refuses, or is away."""
    yield metrics.STORAGE_ERRORS.sample(reason=reason)


def index_samples(*, answered: bool) -> Iterator[Sample]:
    """Yield what is counted of a request to the package index."""
    yield metrics.INDEX_REQUESTS.sample(result=IndexResult.ANSWERED if answered else IndexResult.FAILED)


def certificate_samples(ends: datetime | None) -> Iterator[Sample]:
    """Yield when the served certificate ends; nothing while none is served."""
    if ends:
        yield metrics.CERTIFICATE.sample(ends.timestamp())
