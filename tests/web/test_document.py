"""The OpenAPI document: one style of names, and nothing that only Kubernetes understands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from dagy.core.rest.reasons import API_CATALOGUE, ApiReason
from dagy.web.app import document


def properties(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node.get("properties", {})
        for value in node.values():
            yield from properties(value)
    elif isinstance(node, list):
        for one in node:
            yield from properties(one)


def test_every_field_is_in_snake_case() -> None:
    found = set(properties(document()["components"]["schemas"]))
    assert {name for name in found if not re.fullmatch("[a-z][a-z0-9_]*", name)} == set()
    assert "python_version" in found


def test_the_document_is_plain_openapi() -> None:
    text = json.dumps(document())
    assert "x-kubernetes" not in text
    assert "HTTPValidationError" not in text


def test_every_route_says_that_it_needs_a_token() -> None:
    public = {"/healthz", "/readyz"}
    for path, methods in document()["paths"].items():
        for operation in methods.values():
            assert bool(operation.get("security")) is (path not in public), path


def test_every_reason_has_its_entry() -> None:
    assert set(API_CATALOGUE) == set(ApiReason)
