"""A package that flows use: its deletion waits and says for whom, and artifacts that something pins are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from dagy.adapters.kube.api import deppackage_path, flowdeployment_path
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import NAMESPACE, Rig, create
from tests.fakes.flow_controller import FlowRig, Package, flow_rig, ready
from tests.fakes.kubelet import Kubelet

pytestmark = pytest.mark.apiserver


def run(kubeconfig: str, objects: ObjectStore, test: Callable[[Rig, FlowRig], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with flow_rig(kubeconfig, objects) as flows:
            flows.namespace = NAMESPACE
            await test(Rig(flows.admin, flows.operator, Kubelet(flows.admin, objects), objects, flows.prefix), flows)

    asyncio.run(whole())


async def built(rig: Rig, **spec: object) -> tuple[Rig, NamespacedName, Package]:
    """A package that the operator built; the rig then serves it alone."""
    key = await create(rig, **spec)
    rig = rig.alone(key)
    done = await rig.settle(key, rig.reconciler().reconcile)
    return rig, key, Package(key, done["status"]["slug"], done["status"]["artifact"]["sha256"])


async def blocked(rig: Rig, key: NamespacedName) -> str:
    """What the condition DeletionBlocked says; empty when there is none."""
    package = await rig.package(key)
    conditions = package["status"]["conditions"] if package else []
    return next((c["message"] for c in conditions if c["type"] == "DeletionBlocked" and c["status"] == "True"), "")


def test_deletion_waits_for_the_flows_that_it_names(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig, flows: FlowRig) -> None:
        rig, key, package = await built(rig)
        users = [await flows.deploy(package) for _ in range(2)]
        for user in users:
            await flows.look(user)
        await rig.admin.delete(deppackage_path(*_parts(key)))
        operator = rig.reconciler()
        assert await operator.reconcile(key) is not None
        said = await blocked(rig, key)
        assert f"flow deployments use it: {', '.join(sorted(map(str, users)))}. It goes when" in said
        still = await rig.package(key)
        assert still
        assert ready(still) == ("True", "ArtifactReady"), "what flows use stays usable"
        version = still["metadata"]["resourceVersion"]
        await operator.reconcile(key)
        again = await rig.package(key)
        assert again
        assert again["metadata"]["resourceVersion"] == version

        await flows.deploy(name=users[0].name)  # without the package: earlier revisions don't count
        await flows.look(users[0])
        await operator.reconcile(key)
        assert f"use it: {users[1]}. It goes when" in await blocked(rig, key)
        await rig.admin.delete(flowdeployment_path(users[1].namespace, users[1].name))
        await flows.reconciler().reconcile(users[1])
        assert key in flows.woken
        await operator.reconcile(key)
        assert await rig.package(key) is None
        assert not list(objects.list(f"{rig.prefix}/{NAMESPACE}/{package.slug}/"))

    run(kubeconfig, objects, test)


def test_forced_deletion_and_what_the_flow_says_then(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig, flows: FlowRig) -> None:
        rig, key, package = await built(rig)
        user = await flows.deploy(package)
        await flows.look(user)
        await rig.admin.delete(deppackage_path(*_parts(key)))
        await rig.reconciler().reconcile(key)
        assert await blocked(rig, key)
        force = {"metadata": {"annotations": {"dagy.io/force-delete": "true"}}}
        await rig.admin.merge(deppackage_path(*_parts(key)), force)
        await rig.reconciler().reconcile(key)
        assert await rig.package(key) is None
        flow = await flows.look(user)
        assert ready(flow) == ("False", "UnknownSlug")
        assert package.slug in flow["status"]["message"]
        assert "stays deployed" not in flow["status"]["message"]

    run(kubeconfig, objects, test)


def test_a_pinned_artifact_outlives_the_history(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig, flows: FlowRig) -> None:
        rig, key, package = await built(rig, revisionHistoryLimit=0, pythonVersion="3.10")
        user = await flows.deploy(package)
        await flows.look(user)
        uris = [(await flows.flow(user))["status"]["packages"][0]["uri"]]
        for version in ("3.11", "3.12"):
            await rig.admin.merge(deppackage_path(*_parts(key)), {"spec": {"pythonVersion": version}})
            done = await rig.settle(key, rig.reconciler().reconcile)
            uris.append(done["status"]["s3Uri"])
        assert [a["uri"] for a in done["status"]["history"]] == [uris[0]], "pinned; the one between is not"
        assert zips(objects, rig) == {uris[0], uris[2]}
        assert ready(await flows.look(user)) == ("True", "Deployed")

        await rig.admin.delete(flowdeployment_path(user.namespace, user.name))
        await flows.reconciler().reconcile(user)
        done = await rig.settle(key, rig.reconciler().reconcile)
        assert "history" not in done["status"] or not done["status"]["history"]
        assert zips(objects, rig) == {uris[2]}

    run(kubeconfig, objects, test)


def zips(objects: ObjectStore, rig: Rig) -> set[str]:
    """URIs of the artifacts in S3."""
    return {
        f"s3://dagy/{key}"
        for key in objects.list(f"{rig.prefix}/{NAMESPACE}/")
        if key.endswith(".zip") and "/flows/" not in key
    }


def _parts(key: NamespacedName) -> tuple[str, str]:
    return key.namespace, key.name
