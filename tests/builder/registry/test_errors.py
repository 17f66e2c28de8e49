"""What registries answer, in words."""

from __future__ import annotations

import json

import pytest

from dagy_builder.contract import Reason
from dagy_builder.registry.errors import Answer, refusal


def told(*errors: tuple[str, str]) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message} for code, message in errors]}).encode()


CASES = [
    (
        401,
        told(("UNAUTHORIZED", "authentication required")),
        Reason.REGISTRY_ACCESS_DENIED,
        "Secret that DAGY_OCI_SECRET",
    ),
    (403, told(("DENIED", "requested access is denied")), Reason.REGISTRY_ACCESS_DENIED, "the right to push"),
    # Harbor
    (403, told(("DENIED", "adding 12 MiB will exceed the storage quota")), Reason.REGISTRY_REFUSED, "raise its quota"),
    # ECR
    (
        400,
        told(
            ("TAG_INVALID", "The image tag 'x' already exists and cannot be overwritten because the tag is immutable")
        ),
        Reason.REGISTRY_REFUSED,
        "Delete that tag",
    ),
    (404, told(("NAME_UNKNOWN", "The repository does not exist")), Reason.REGISTRY_REFUSED, "created first"),
    (413, b"<html>", Reason.REGISTRY_REFUSED, "raise its quota"),
    (400, b"\xff", Reason.REGISTRY_REFUSED, "refuses to push"),
]


@pytest.mark.parametrize(("status", "body", "reason", "advice"), CASES)
def test_a_refusal_says_what_to_do(status: int, body: bytes, reason: Reason, advice: str) -> None:
    error = refusal("push an image to", "host/dagy/ns/slug", Answer(status, body))
    assert error.reason is reason
    assert advice in error.message
    assert f"it answers {status}" in error.message
    assert "request a build" in error.message


def test_words_of_a_stranger_are_bounded_and_on_one_line() -> None:
    error = refusal("push a layer to", "here", Answer(400, told(("A", "x\n" * 10_000), *[("B", "y")] * 1000)))
    assert len(error.message) < 600
    assert "\n" not in error.message


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_passes(status: int) -> None:
    assert Answer(status).is_transient


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 507])
def test_what_does_not(status: int) -> None:
    assert not Answer(status).is_transient
