"""How much others may write beside our objects."""

from __future__ import annotations

from typing import Any

import pytest

from tests.manifests.conftest import Account

pytestmark = pytest.mark.apiserver

APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def package(**annotations: str) -> dict[str, Any]:
    return {
        "apiVersion": "dagy.io/v1", "kind": "DepPackage",
        "metadata": {"name": "sizes", "namespace": "team-a", "annotations": annotations},
        "spec": {"pythonVersion": "3.12", "dependencies": ["idna"]},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("annotations", "sentence"),
    [
        ({}, ""),
        ({"a": "x" * 16_000, "b": "x" * 16_000}, ""),
        ({"a": "x" * 32_000, APPLIED: "x" * 130_000}, ""),
        ({"a": "x" * 32_768}, "annotations have more than 32768 characters together"),
        ({f"n{n}": "x" * 200 for n in range(200)}, "annotations have more than 32768 characters together"),
        ({APPLIED: "x" * 131_073}, "Use `kubectl apply --server-side`, which keeps none"),
    ],
    ids=["none", "two", "applied", "one", "many", "applied too large"],
)
def test_annotations_have_a_bound(admin: Account, annotations: dict[str, str], sentence: str) -> None:
    # Raw, because kubectl would put its own into the annotation that it applies with.
    path = "/apis/dagy.io/v1/namespaces/team-a/deppackages?dryRun=All"
    said = admin("create", f"--raw={path}", "-f", "-", stdin=package(**annotations))
    assert sentence in said
    assert said.startswith("refused") == bool(sentence), said
