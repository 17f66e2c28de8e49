"""A package as a manifest."""

from __future__ import annotations

from dagy.core.rest.manifest import manifest_of


def test_only_what_users_decided() -> None:
    metadata = {
        "name": "ml", "namespace": "team-a", "uid": "1", "resourceVersion": "2", "generation": 3, "creationTimestamp": "2026-11-26T00:00:00Z",
        "managedFields": [{}], "finalizers": ["dagy.io/x"], "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"argocd.argoproj.io/tracking-id": "x", "team.example/owner": "ana"},
    }  # fmt: skip
    spec = {
        "pythonVersion": "3.12",
        "dependencies": ["idna"],
        "buildPolicy": "Auto",
        "suspend": False,
        "of": "a later release",
    }
    found = manifest_of({"apiVersion": "dagy.io/v1", "metadata": metadata, "spec": spec, "status": {"phase": "VALID"}})
    assert found == {
        "apiVersion": "dagy.io/v1",
        "kind": "DepPackage",
        "metadata": {"name": "ml", "namespace": "team-a", "annotations": {"team.example/owner": "ana"}},
        "spec": {"pythonVersion": "3.12", "dependencies": ["idna"], "of": "a later release"},
    }
