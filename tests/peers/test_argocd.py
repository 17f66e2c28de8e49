"""Packages and flows by Argo CD's own code: the health of each state by our scripts, and that nothing of it is drift.

Real are API server, S3, what Argo CD applies and compares with, and the reconcilers; pods are played.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dagy.adapters.kube.api import deppackage_path
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore
from tests.cluster.layout import current_layout
from tests.fakes.api_server import api_server
from tests.fakes.busy_operator import INVALID, SENTENCE
from tests.fakes.controller import NAMESPACE
from tests.fakes.webhook import ROOT, Server
from tests.manifests.argocd.cases import NOT_SEEN
from tests.peers.argocd import PROGRAM, ArgoCD, argocd, install_settings
from tests.peers.argocd_world import World, package, run

pytestmark = [pytest.mark.peers, pytest.mark.long_build]
Json = dict[str, Any]
HOW = pytest.mark.parametrize("how", ["client", "server"])


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An API server with Argo CD's settings."""
    if not (current_layout().bin / PROGRAM).exists():
        pytest.fail(f"{PROGRAM} is missing: run `make test-peers`, which builds it.")
    with api_server(tmp_path_factory.mktemp("argocd-control-plane")) as path:
        yield path


@pytest.fixture(scope="module")
def settings(kubeconfig: Path) -> Json:
    return install_settings(Server(kubeconfig))


@pytest.fixture(scope="module")
def argo(kubeconfig: Path, settings: Json, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArgoCD]:
    with argocd(kubeconfig, tmp_path_factory.mktemp("argocd")) as running:
        yield running


def test_our_scripts_come_beside_the_settings_that_are_there(settings: Json) -> None:
    kinds = ("DepPackage", "FlowDeployment")
    assert set(settings) == {
        "timeout.reconciliation",
        *(f"resource.customizations.health.dagy.io_{kind}" for kind in kinds),
    }


@HOW
def test_the_health_of_packages(kubeconfig: Path, objects: ObjectStore, argo: ArgoCD, how: str) -> None:
    async def test(world: World) -> None:
        desired = package()
        world.app.sync(desired)
        await world.says(desired, "Progressing", NOT_SEEN)
        key = NamespacedName.of(desired["metadata"])
        await world.rig.alone(key).reconciler().reconcile(key)
        await world.says(desired, "Progressing")
        await world.work(desired)
        await world.says(desired, "Healthy")
        changed = package("six", name=key.name)
        world.app.sync(changed)
        await world.says(changed, "Progressing", NOT_SEEN)
        await world.work(changed, INVALID)
        await world.says(changed, "Degraded")
        assert SENTENCE in (await world.app.look(changed)).health[1]
        # And back again, by Git.
        world.app.sync(desired)
        await world.says(desired, "Progressing", NOT_SEEN)
        await world.work(desired)
        await world.says(desired, "Healthy")

    run(kubeconfig, objects, argo, how, test)


def test_what_is_only_saved_or_suspended(kubeconfig: Path, objects: ObjectStore, argo: ArgoCD) -> None:
    async def test(world: World) -> None:
        for spec, health in (({"buildPolicy": "Manual"}, "Healthy"), ({"suspend": True}, "Suspended")):
            desired = package(**spec)
            world.app.sync(desired)
            await world.work(desired)
            await world.says(desired, health)
        done, _ = await world.built()
        suspended = package(name=done["metadata"]["name"], suspend=True)
        world.app.sync(suspended)
        await world.work(suspended)
        await world.says(suspended, "Healthy")

    run(kubeconfig, objects, argo, "client", test)


@HOW
def test_the_health_of_flow_deployments(kubeconfig: Path, objects: ObjectStore, argo: ArgoCD, how: str) -> None:
    async def test(world: World) -> None:
        needed = package()
        world.app.sync(needed)
        key = NamespacedName.of(needed["metadata"])
        await world.rig.alone(key).reconciler().reconcile(key)
        slug = (await world.app.live(needed))["status"]["slug"]

        desired = world.flow(slug)
        world.app.sync(desired)
        await world.says(desired, "Progressing", NOT_SEEN)
        await world.deploy(desired)
        await world.says(desired, "Progressing")
        await world.work(needed)
        await world.deploy(desired)
        await world.says(desired, "Healthy")

        # The same code, so that only what is said here changes.
        name, artifact = desired["metadata"]["name"], desired["spec"]["artifact"]
        paused = world.flow(slug, name=name, artifact=artifact, schedule="0 6 * * *", suspend=True)
        world.app.sync(paused)
        await world.says(paused, "Progressing", NOT_SEEN)
        await world.deploy(paused)
        await world.says(paused, "Suspended")

        refused = world.flow("ZZZZZZZZ", name=name, artifact=artifact)
        world.app.sync(refused)
        await world.deploy(refused)
        await world.says(refused, "Degraded")
        assert "has the slug ZZZZZZZZ" in (await world.app.look(refused)).health[1]

    run(kubeconfig, objects, argo, how, test)


def test_a_package_whose_deletion_waits_for_flows(kubeconfig: Path, objects: ObjectStore, argo: ArgoCD) -> None:
    async def test(world: World) -> None:
        desired, needed = await world.built()
        flow = world.flow(needed.slug)
        world.app.sync(flow)
        await world.deploy(flow)
        await world.rig.admin.delete(deppackage_path(needed.key.namespace, needed.key.name))
        await world.work(desired)
        live = await world.app.live(desired)
        assert any(one["type"] == "DeletionBlocked" for one in live["status"]["conditions"])
        # Argo CD asks no script about what is being deleted.
        assert (await world.app.look(desired)).health == ("Progressing", "Pending deletion")

    run(kubeconfig, objects, argo, "client", test)


@HOW
def test_applying_again_changes_nothing(kubeconfig: Path, objects: ObjectStore, argo: ArgoCD, how: str) -> None:
    async def test(world: World) -> None:
        desired, needed = await world.built(displayName="Machine learning", build={"retries": 1}, platform={})
        flow = world.flow(needed.slug, schedule="0 6 * * *", env=[{"name": "A", "value": ""}], retries=0)
        world.app.sync(flow)
        await world.deploy(flow)
        for one in (desired, flow):
            before = await world.app.live(one)
            assert before["metadata"]["finalizers"]
            assert len(before["spec"]) > len(one["spec"]), "defaults"
            await world.says(one, "Healthy")
            for _ in range(2):
                world.app.sync(one)
                assert await world.app.live(one) == before, "resourceVersion and managers included"
        assert (await world.app.live(desired))["metadata"]["labels"]["dagy.io/slug"] == needed.slug
        await world.work(desired)
        await world.deploy(flow)
        assert (await world.app.look(desired)).drift == {}
        assert (await world.app.look(flow)).drift == {}

    run(kubeconfig, objects, argo, how, test)


@HOW
def test_what_is_drift_and_what_is_not(kubeconfig: Path, objects: ObjectStore, argo: ArgoCD, how: str) -> None:
    async def test(world: World) -> None:
        desired, _ = await world.built()
        path = deppackage_path(NAMESPACE, desired["metadata"]["name"])
        # A request by annotation, and a field that Git does not name.
        await world.rig.admin.merge(path, {"metadata": {"annotations": {"dagy.io/refresh": "1"}}})
        await world.rig.admin.merge(path, {"spec": {"suspend": True}})
        assert (await world.app.look(desired)).drift == {}
        world.app.sync(desired)
        live = await world.app.live(desired)
        assert (live["metadata"]["annotations"]["dagy.io/refresh"], live["spec"]["suspend"]) == ("1", True)
        # A field that it does.
        await world.rig.admin.merge(path, {"spec": {"dependencies": ["six"]}})
        drift = (await world.app.look(desired)).drift
        assert set(drift) == {"three-way", "server-side-apply", "server-side-diff"}
        for patch in drift.values():
            assert patch["spec"] == {"dependencies": ["idna"]}
        world.app.sync(desired)
        assert (await world.app.look(desired)).drift == {}

    run(kubeconfig, objects, argo, how, test)


@HOW
def test_defaults_in_nested_fields_are_no_drift(kubeconfig: Path, objects: ObjectStore, argo: ArgoCD, how: str) -> None:
    async def test(world: World) -> None:
        index = {
            "url": "https://index.example/simple",
            "extraUrls": ["https://other.example/simple"],
            "secretNames": ["b", "a"],
            "caBundle": {"configMapKeyRef": {"name": "ca"}},
        }
        resources = {"requests": {"cpu": "1", "memory": "1024Mi"}}
        platform = {"architecture": "arm64"}
        desired = package(platform=platform, index=index, build={"resources": resources}, deletionPolicy="Retain")
        samples = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "manifests/samples").glob("*.yaml"))]
        for one in (
            desired,
            *({**sample, "metadata": {**sample["metadata"], "namespace": NAMESPACE}} for sample in samples),
        ):
            world.app.sync(one)
            assert (await world.app.look(one)).drift == {}
            before = await world.app.live(one)
            world.app.sync(one)
            after = await world.app.live(one)
            # The first write after the creation stores the default of status, which was read before, too.
            assert _unversioned(after) == _unversioned(before), "managers included"
            world.app.sync(one)
            assert await world.app.live(one) == after

    run(kubeconfig, objects, argo, how, test)


def _unversioned(live: Json) -> Json:
    return {**live, "metadata": {**live["metadata"], "resourceVersion": ""}}
