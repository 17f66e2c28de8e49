"""Who decides about an object, told from what each tool writes."""

from __future__ import annotations

from typing import Any

import pytest

from dagy.core.rest.managed_by import managed_by


def manager(name: str, *, spec: bool = True) -> dict[str, Any]:
    return {"manager": name, "operation": "Apply", "fieldsV1": {"f:spec": {}} if spec else {"f:metadata": {}}}


TOLD: list[tuple[dict[str, Any], str | None]] = [
    ({}, None),
    ({"labels": {"app": "x"}, "managedFields": [manager("kubectl"), manager("dagy-api")]}, None),
    (
        {
            "labels": {
                "kustomize.toolkit.fluxcd.io/name": "apps",
                "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
            }
        },
        "Flux Kustomization flux-system/apps",
    ),
    (
        {"labels": {"helm.toolkit.fluxcd.io/name": "ml", "helm.toolkit.fluxcd.io/namespace": "team-a"}},
        "Flux HelmRelease team-a/ml",
    ),
    ({"managedFields": [manager("kustomize-controller")]}, "Flux"),
    ({"managedFields": [manager("kustomize-controller", spec=False)]}, None),
    (
        {"annotations": {"argocd.argoproj.io/tracking-id": "ml:dagy.io/DepPackage:team-a/etl"}},
        "Argo CD Application ml",
    ),
    ({"labels": {"argocd.argoproj.io/instance": "ml"}}, "Argo CD Application ml"),
    ({"managedFields": [manager("argocd-controller")]}, "Argo CD"),
    (
        {
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": "ml", "meta.helm.sh/release-namespace": "team-a"},
        },
        "Helm release team-a/ml",
    ),
    ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, "Helm"),
    ({"labels": {"app.kubernetes.io/managed-by": "dagy-operator"}}, None),
]


@pytest.mark.parametrize(("metadata", "told"), TOLD)
def test_what_each_tool_writes_tells_it(metadata: dict[str, Any], told: str | None) -> None:
    assert managed_by({"metadata": metadata}) == told


def test_what_somebody_wrote_is_shown_in_one_line_of_bounded_length() -> None:
    said = managed_by({"metadata": {"annotations": {"argocd.argoproj.io/tracking-id": "a\n\tb " + "x" * 10_000}}})
    assert said
    assert len(said) <= 200
    assert "\n" not in said
