"""A package as YAML for Git: applied, it is the same package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from dagy.client import Client
from tests.fakes.api import Api, unique

pytestmark = pytest.mark.apiserver


def test_applied_it_is_the_same_package(api: Api, tmp_path: Path) -> None:
    name = f"1e{int(unique('')[1:], 16)}"  # which a parser may take for a number
    spec = {
        "pythonVersion": "3.10", "dependencies": ["pandas>=2,<3 ; python_version > '3'", "yes", "y", "mylib @ https://h.example/mylib-1-py3-none-any.whl"],
        "displayName": "Nächtlich: #1", "description": "Two lines,\n\nand 'quotes'.", "buildPolicy": "Manual", "revisionHistoryLimit": 0,
        "platform": {"architecture": "arm64"}, "build": {"resources": {"limits": {"memory": "2Gi", "ephemeral-storage": "10Gi"}}},
    }  # fmt: skip
    own = {"labels": {"team": "a"}, "annotations": {"example.com/why": "because"}}
    added = {
        "labels": {"kustomize.toolkit.fluxcd.io/name": "apps"},
        "annotations": {"dagy.io/build": "1", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
    }
    metadata = {"name": name, "namespace": "team-a", **{part: {**own[part], **added[part]} for part in own}}
    made = {"apiVersion": "dagy.io/v1", "kind": "DepPackage", "metadata": metadata, "spec": spec}
    api.users.kubectl("create", "-f", "-", stdin=made)
    with Client(api.url, token=api.users.token("vera"), namespace="team-a") as client:
        text = client.packages.manifest(name)
    manifest = yaml.safe_load(text)
    assert set(manifest) == {"apiVersion", "kind", "metadata", "spec"}
    assert manifest["metadata"] == {"name": name, "namespace": "team-a", **own}
    assert {"suspend", "sourceDistributions", "deletionPolicy"}.isdisjoint(manifest["spec"])
    stored = json.loads(api.users.kubectl("get", "dp", name, "-n", "team-a", "-o", "json"))["spec"]
    api.users.kubectl("delete", "dp", name, "-n", "team-a")
    path = tmp_path / "manifest.yaml"
    path.write_text(text)
    again = api.users.kubectl("create", "--dry-run=server", "-o", "json", "-f", str(path))
    assert json.loads(again)["spec"] == stored


def test_it_is_for_those_who_may_see_the_package(api: Api) -> None:
    with api.client("bob") as client:
        assert client.get("/dep-packages/team-a/none/manifest").status_code == 404
