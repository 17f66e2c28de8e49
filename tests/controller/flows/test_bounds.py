"""Flow deployments that are large, many, or only said to be: what they take of the operator and of each other."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dagy.adapters.flows.cluster import FlowCluster
from dagy.adapters.kube.api import KubeError, flowdeployment_path, namespaced
from dagy.core.flows.plan import flow_plan_of, stored_bytes
from dagy.core.flows.revisions import revision_object
from dagy.model.base import NamespacedName
from dagy.model.flowstatus import PinnedPackage, Revision
from dagy_builder.storage.store import ObjectStore
from tests.fakes.dying_api import Api
from tests.fakes.flow_controller import FlowRig, Package, ready, run
from tests.fakes.homes import owned_slug

pytestmark = [
    pytest.mark.apiserver,
    pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning"),  # aiohttp's, above 1 MiB
]
Json = dict[str, Any]
TEXT = 8000


def texts(count: int) -> list[Json]:
    return [{"name": f"TEXT_{number}", "value": "x" * TEXT} for number in range(count)]


async def keep(rig: FlowRig, flow: Json, number: int, *packages: Package, **spec: Any) -> None:
    """A revision, as the operator keeps them."""
    source = flow_plan_of(
        {**flow, "spec": {**flow["spec"], "depPackageSlugs": [p.slug for p in packages], **spec}}
    ).source
    pinned = [
        PinnedPackage(
            slug=p.slug, namespace=p.key.namespace, name=p.key.name, uri="s3://dagy/x.zip", sha256=p.sha256,
            size_bytes=1, python_version="3.12", architecture="amd64",
        )
        for p in packages
    ]  # fmt: skip
    revision = Revision(
        revision=number, flow_version="1", deployed_at="2026-11-21T12:00:00Z", image="x", packages=pinned, spec=source
    )
    body = revision_object(flow, revision, "")
    assert await rig.admin.create(namespaced("controllerrevisions", flow["metadata"]["namespace"]), body)


def test_the_largest_spec_times_the_longest_history(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        large = {"env": texts(100), "args": ["x" * 4096] * 100, "revisionHistoryLimit": 20}
        key = await rig.deploy(name="large", **large)
        flow = await rig.flow(key)
        assert 1_200_000 < stored_bytes(flow) < 1_300_000
        for number in range(1, 21):
            await keep(rig, flow, number, flowVersion=f"before-{number}")
        flow = await rig.look(key)
        assert ready(flow) == ("True", "Deployed")
        assert [one["revision"] for one in flow["status"]["history"]] == list(range(21, 0, -1))
        assert all("spec" not in one for one in flow["status"]["history"])
        assert len(json.dumps(flow["status"])) < 40_000
        assert len(await rig.list("controllerrevisions")) == 21
        first = await FlowCluster(rig.admin).revision(key, flow["metadata"]["uid"], 1)
        assert first
        assert (len(first.spec.env), first.spec.flow_version) == (100, "before-1")

    run(kubeconfig, objects, test)


def test_who_uses_a_package_is_asked_in_a_few_lists(kubeconfig: str, objects: ObjectStore) -> None:
    """However many deployments and revisions there are."""

    async def test(rig: FlowRig) -> None:
        package = await rig.package()
        flows = [await rig.flow(await rig.deploy(name=f"flow-{number}")) for number in range(6)]
        for flow in flows:
            for number in (1, 2, 3):
                await keep(rig, flow, number, package)
        await keep(rig, flows[0], 4)
        api = Api(rig.operator)
        found = await FlowCluster(api).users(owned_slug(package.slug, package.key))
        assert found == [f"{rig.namespace}/flow-{number}" for number in range(1, 6)], "the newest revision decides"
        assert len(api.reads) == 4

    run(kubeconfig, objects, test)


async def let_get(rig: FlowRig, package: Package, account: str) -> None:
    """The package's namespace lets that account of the rig's get it."""
    name, group = f"get-{package.key.name}", "rbac.authorization.k8s.io"
    rbac = f"/apis/{group}/v1/namespaces/{package.key.namespace}"
    rule = {"apiGroups": ["dagy.io"], "resources": ["deppackages"], "verbs": ["get"]}
    await rig.admin.create(f"{rbac}/roles", {"metadata": {"name": name}, "rules": [rule]})
    subject = {"kind": "ServiceAccount", "name": account, "namespace": rig.namespace}
    reference = {"apiGroup": group, "kind": "Role", "name": name}
    await rig.admin.create(
        f"{rbac}/rolebindings", {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
    )


def test_who_has_everything_in_a_namespace_holds_nothing_of_another(kubeconfig: str, objects: ObjectStore) -> None:
    """Not the package, not its artifacts, and not the operator, which asks about so many accounts and no more."""

    async def test(rig: FlowRig) -> None:
        package = await rig.package(namespace="team-a")
        theirs = owned_slug(package.slug, package.key)
        flow = await rig.flow(await rig.deploy(name="forger"))
        for number in range(1, 121):
            await keep(rig, flow, number, package, serviceAccountName=f"a{number}", packagesFrom=["team-a"])
        api = Api(rig.operator)
        assert await FlowCluster(api).users(theirs) == []
        asked = [path for path in api.reads if path.endswith("reviews")]
        assert (len(asked), len(api.reads) - len(asked)) == (100, 5), "two lists of two pages, and the deployments"
        await let_get(rig, package, "allowed")
        await keep(
            rig, {**flow, "metadata": {**flow["metadata"], "uid": "0" * 36}}, 1, package, serviceAccountName="allowed"
        )
        gone = {**flow, "metadata": {**flow["metadata"], "name": "gone", "uid": "1" * 36}}
        await keep(rig, gone, 1, package, serviceAccountName="allowed")
        assert await FlowCluster(rig.operator).pins(theirs) == ()
        await keep(rig, flow, 121, package, serviceAccountName="allowed")
        assert await FlowCluster(rig.operator).users(theirs) == [f"{rig.namespace}/forger"], "as its namespace agreed"

    run(kubeconfig, objects, test)


def test_a_spec_that_leaves_no_room_is_told(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        taken, refused, key = 180.0, 240.0, NamespacedName("", "")
        while refused - taken > 0.1:  # the largest that the API server takes, to half a kilobyte
            count = (taken + refused) / 2
            args = ["x" * 4096] * int(count) + ["x" * int(count % 1 * 4096)]
            try:
                key = await rig.deploy(name=f"full-{int(100 * count)}", env=texts(100), args=args)
                taken = count
            except KubeError as refusal:
                if not refusal.too_large:
                    raise
                refused = count
        await rig.look(key)
        assert "conditions" not in (await rig.flow(key)).get("status", {})
        told = [e for e in await rig.list("events") if e["involvedObject"]["name"] == key.name]
        assert {e["reason"] for e in told} == {"ApiServerRefused"}
        assert "Shorten spec.env" in told[0]["message"]
        await rig.admin.merge(flowdeployment_path(key.namespace, key.name), {"spec": {"args": []}})
        assert ready(await rig.look(key)) == ("True", "Deployed")

    run(kubeconfig, objects, test)
