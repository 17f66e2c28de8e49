"""What the real linters of manifests say: nothing that is not answered beside the manifests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from dagy.model.crd import crd_files
from tests.manifests.test_helm_chart import MANIFESTS, run
from tests.release.base import Json

pytestmark = pytest.mark.peers

ANSWERS = yaml.safe_load((MANIFESTS / "lint-answers.yaml").read_text())
FINE = 10
"""The grade by which kube-score says that it has nothing to say."""


def kube_score(path: Path) -> dict[str, list[str]]:
    """What kube-score finds: name of a check to the objects that it is about."""
    done = run("kube-score", "score", "--output-format=json", "--kubernetes-version=v1.32", path)
    found: dict[str, list[str]] = {}
    for scored in json.loads(done.stdout):
        for check in scored["checks"]:
            if not check["skipped"] and check["grade"] < FINE:
                found.setdefault(check["check"]["id"], []).append(scored["object_name"])
    return found


def test_kube_score_finds_what_has_an_answer_and_no_less(tmp_path: Path) -> None:
    built = run("kubectl", "kustomize", MANIFESTS / "base")
    (tmp_path / "base.yaml").write_text(built.stdout)
    found = kube_score(tmp_path / "base.yaml")
    assert set(found) == set(ANSWERS["kube-score"]), found


@pytest.fixture
def schemas(tmp_path: Path) -> Path:
    """The definitions' schemas as kubeconform takes them."""
    for definition in crd_files().values():
        kind = definition["spec"]["names"]["kind"].lower()
        for version in definition["spec"]["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            every = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
            schema = closed({**schema, "properties": {**every, **schema["properties"]}})
            (tmp_path / f"{kind}_{version['name']}.json").write_text(json.dumps(schema))
    return tmp_path


def closed(schema: Json) -> Json:
    """The schema, in which what it doesn't name is wrong; the API server drops it instead."""
    new = {key: closed(value) if isinstance(value, dict) else value for key, value in schema.items()}
    if "properties" in schema:
        new["properties"] = {name: closed(value) for name, value in schema["properties"].items()}
        new.setdefault("additionalProperties", False)
    return new


def kubeconform(schemas: Path, *arguments: str | Path) -> tuple[int, str]:
    location = f"{schemas}/{{{{.ResourceKind}}}}_{{{{.ResourceAPIVersion}}}}.json"
    done = run("kubeconform", "-strict", "-summary", f"-schema-location={location}", *arguments)
    return done.returncode, done.stdout + done.stderr


def test_the_samples_are_what_the_definitions_say(schemas: Path) -> None:
    code, said = kubeconform(schemas, MANIFESTS / "samples")
    assert code == 0, said
    assert "Invalid: 0, Errors: 0, Skipped: 0" in said


def test_a_version_without_quotes_is_told_from_a_text(schemas: Path, tmp_path: Path) -> None:
    text = (MANIFESTS / "samples/ml.yaml").read_text().replace('pythonVersion: "3.12"', "pythonVersion: 3.12")
    (tmp_path / "wrong.yaml").write_text(text)
    code, said = kubeconform(schemas, tmp_path / "wrong.yaml")
    assert code
    assert "got number, want string" in said
