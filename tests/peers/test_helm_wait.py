"""Packages and flows in a chart of a user's own: what `helm install --wait` and `helm upgrade --wait` make of them.

Real are Helm, API server, S3 and the reconcilers; pods are played.
"""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dagy.core.common.slug import new_slug
from dagy_builder.storage.store import ObjectStore
from tests.cluster.layout import current_layout
from tests.fakes.busy_operator import SENTENCE, UNKNOWN, Rounds
from tests.fakes.controller import NAMESPACE
from tests.fakes.flow_controller import uploaded
from tests.peers.administrator import Administrator
from tests.peers.flux import PREFIX

pytestmark = pytest.mark.peers
Json = dict[str, Any]
TIMEOUT = 180
"""Seconds that Helm would wait."""


class Release:
    """A chart whose templates are these objects, in one namespace."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self.name, self._folder, self._kubeconfig = f"r-{uuid.uuid4().hex[:6]}", folder, kubeconfig
        self._admin = Administrator(kubeconfig)
        (folder / "templates").mkdir(parents=True)
        (folder / "Chart.yaml").write_text(json.dumps({"apiVersion": "v2", "name": "flows", "version": "1.0.0"}))

    def package(self, *dependencies: str, name: str = "ok", **spec: Any) -> Json:
        listed = list(dependencies) or ["idna"]
        spec = {"pythonVersion": "3.12", "dependencies": listed, **spec}
        return {"kind": "DepPackage", "metadata": {"name": f"{self.name}-{name}"}, "spec": spec}

    def install(self, *objects: Json, wait: str = "watcher") -> str:
        """What Helm says of its failure; nothing when it is content."""
        return self._helm("install", *objects, wait=wait)

    def upgrade(self, *objects: Json) -> str:
        return self._helm("upgrade", *objects)

    def phase(self, name: str) -> str:
        path = f"/apis/dagy.io/v1/namespaces/{NAMESPACE}/deppackages/{self.name}-{name}"
        return str(self._admin.get(path)["status"]["phase"])

    def uninstall(self) -> None:
        """With `--wait`, so that the operator lets all go."""
        done = self._run("uninstall", self.name, "--wait", "--ignore-not-found")
        assert done.returncode == 0, done.stderr
        self._admin.close()

    def _helm(self, verb: str, *objects: Json, wait: str = "watcher") -> str:
        documents = [json.dumps({"apiVersion": "dagy.io/v1", **one}) for one in objects]
        (self._folder / "templates/objects.yaml").write_text("\n---\n".join(documents))
        done = self._run(verb, self.name, str(self._folder), f"--wait={wait}")
        assert bool(done.returncode) == bool(done.stderr), done.stdout + done.stderr
        return done.stderr

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        binary = current_layout().bin / "helm"
        if not binary.exists():
            pytest.fail("helm is missing: run `make test-peers`, which builds it.")
        common = (f"--kubeconfig={self._kubeconfig}", f"--namespace={NAMESPACE}", f"--timeout={TIMEOUT}s")
        return subprocess.run(
            [binary, *arguments, *common], capture_output=True, text=True, check=False, timeout=2 * TIMEOUT
        )


@pytest.fixture
def release(with_operator: tuple[Path, Rounds], tmp_path: Path) -> Iterator[Release]:
    made = Release(with_operator[0], tmp_path / "chart")
    yield made
    made.uninstall()


def test_it_waits_for_what_is_built_and_for_nothing_that_is_only_saved(release: Release) -> None:
    saved = release.package(name="saved", buildPolicy="Manual")
    suspended = release.package(name="suspended", suspend=True)
    assert release.install(release.package(), saved, suspended) == ""
    assert release.phase("ok") == "COMPLETED"
    assert "COMPLETED" not in {release.phase("saved"), release.phase("suspended")}
    # Nothing has changed, and something has.
    assert release.upgrade(release.package(), saved, suspended) == ""
    assert release.upgrade(release.package("six"), saved, release.package(name="suspended")) == ""
    assert (release.phase("ok"), release.phase("suspended")) == ("COMPLETED", "COMPLETED")


def test_an_invalid_one_fails_with_our_sentence_and_an_upgrade_mends_it(release: Release) -> None:
    said = release.install(release.package(), release.package(UNKNOWN, name="bad"))
    bad = f"resource DepPackage/{NAMESPACE}/{release.name}-bad not ready. status: Failed, message: "
    assert f"{bad}{SENTENCE}" in said
    assert "deadline" not in said, "it does not wait until the time is over"
    assert release.phase("ok") == "COMPLETED"
    assert release.upgrade(release.package(), release.package("six", name="bad")) == ""
    said = release.upgrade(release.package(UNKNOWN), release.package("six", name="bad"))
    assert f"/{release.name}-ok not ready. status: Failed, message: " in said, "never a success of before"


def test_as_helm_3_did_it_waits_for_nothing_of_ours(release: Release) -> None:
    assert release.install(release.package(UNKNOWN, name="bad"), wait="legacy") == "", "docs/gitops.md says so"


def test_a_flow_and_its_package_in_one_chart(release: Release, objects: ObjectStore) -> None:
    slug = new_slug()
    artifact = uploaded(objects, f"{PREFIX}/{NAMESPACE}/flows/{release.name}")
    spec = {"flowName": "etl", "flowVersion": "1", "artifact": artifact, "schedule": "0 6 * * *"}
    flow = {"kind": "FlowDeployment", "metadata": {"name": release.name}}
    package = release.package(slug=slug)
    assert release.install({**flow, "spec": {**spec, "depPackageSlugs": [slug]}}, package) == ""
    assert release.phase("ok") == "COMPLETED"
    said = release.upgrade({**flow, "spec": {**spec, "depPackageSlugs": ["ZZZZZZZZ"]}}, package)
    assert f"resource FlowDeployment/{NAMESPACE}/{release.name} not ready. status: Failed, message: " in said
    assert "has the slug ZZZZZZZZ" in said


def test_a_flow_whose_package_is_invalid_fails_with_it_and_an_upgrade_of_the_package_mends_both(
    release: Release, objects: ObjectStore
) -> None:
    slug = new_slug()
    artifact = uploaded(objects, f"{PREFIX}/{NAMESPACE}/flows/{release.name}")
    spec = {"flowName": "etl", "flowVersion": "1", "artifact": artifact, "depPackageSlugs": [slug]}
    flow = {"kind": "FlowDeployment", "metadata": {"name": release.name}, "spec": spec}
    said = release.install(flow, release.package(UNKNOWN, slug=slug))
    for kind, name in (("DepPackage", f"{release.name}-ok"), ("FlowDeployment", release.name)):
        assert f"resource {kind}/{NAMESPACE}/{name} not ready. status: Failed, message: " in said
    assert "deadline" not in said, "it does not wait until the time is over"
    assert release.upgrade(flow, release.package("six", slug=slug)) == ""
    assert release.phase("ok") == "COMPLETED"
