"""Earlier revisions of flow deployments, and the code in S3: the way back, what is forgotten, what is deleted."""

from __future__ import annotations

from typing import Any

import pytest

from dagy.adapters.flows.cluster import FlowCluster
from dagy.adapters.kube.api import flowdeployment_path
from dagy.core.flows.revisions import rollback_patch, unknown_revision
from dagy_builder.storage.store import ObjectStore
from tests.fakes.flow_controller import CODE, FlowRig, annotations_of, run

pytestmark = pytest.mark.apiserver


def test_rollback_brings_back_the_artifacts_of_then(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        package = await rig.package()
        old = package.pin
        key = await rig.deploy(package, schedule="0 3 * * *", env=[{"name": "A", "value": "1"}])
        before = await rig.look(key)
        await rig.build(package)
        await rig.deploy(package, name=key.name, flowVersion="2", env=[], artifact=rig.upload(key.name, b"new"))
        await rig.look(key)
        flow, cluster = await rig.flow(key), FlowCluster(rig.admin)
        uid = flow["metadata"]["uid"]
        first = await cluster.revision(key, uid, 1)
        assert first
        patch = rollback_patch(flow, first)
        await rig.admin.merge(flowdeployment_path(key.namespace, key.name), patch)
        flow = await rig.look(key)
        assert (flow["status"]["revision"], flow["status"]["flowVersion"]) == (3, "1")
        (cron,) = await rig.list("cronjobs")
        assert annotations_of(cron["spec"]["jobTemplate"])["dagy.io/dep-packages"] == old
        assert {**flow["spec"], "depPackageSlugs": [package.slug]} == before["spec"]
        assert await cluster.revision(key, uid, 9) is None
        missing = unknown_revision(flow, 9, await cluster.numbers(key, uid))
        assert "keeps no revision 9; kept are: 3, 2, 1." in missing.message

    run(kubeconfig, objects, test)


def test_revisions_past_the_limit_go_with_their_code_unless_a_run_needs_them(
    kubeconfig: str, objects: ObjectStore
) -> None:
    async def test(rig: FlowRig) -> None:
        package = await rig.package()
        key = await rig.deploy(package, name="many", revisionHistoryLimit=1)
        await rig.annotate(key, run="long")
        await rig.look(key)
        for version in ("2", "3", "4"):
            await rig.deploy(package, name="many", flowVersion=version, artifact=rig.upload("many", version.encode()))
            await rig.look(key)
        flow = await rig.look(key)
        assert [r["revision"] for r in flow["status"]["history"]] == [4, 3, 1]
        assert package.key in rig.woken
        codes = {objects.get(k) for k in objects.list(f"{rig.prefix}/{rig.namespace}/flows/many/")}
        assert codes == {CODE, b"3", b"4"}
        await rig.end(flow["status"]["lastRun"]["jobName"])
        flow = await rig.look(key)
        assert [r["revision"] for r in flow["status"]["history"]] == [4, 3]
        codes = {objects.get(k) for k in objects.list(f"{rig.prefix}/{rig.namespace}/flows/many/")}
        assert codes == {b"3", b"4"}

    run(kubeconfig, objects, test)


def test_deletion_takes_the_code_along_but_not_what_another_uses(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        first = await rig.deploy(name="first")
        await rig.look(first)
        shared = (await rig.flow(first))["spec"]["artifact"]
        second = await rig.deploy(name="second", artifact=shared)
        await rig.look(second)
        rig.upload("first", b"never deployed")

        async def delete(key: Any) -> None:
            await rig.admin.delete(flowdeployment_path(key.namespace, key.name))
            await rig.reconciler().reconcile(key)
            assert await rig.admin.get(flowdeployment_path(key.namespace, key.name)) is None

        await delete(first)
        codes = [objects.get(k) for k in objects.list(f"{rig.prefix}/{rig.namespace}/flows/")]
        assert codes == [CODE]
        await rig.look(second)
        await delete(second)
        assert not list(objects.list(f"{rig.prefix}/{rig.namespace}/flows/"))

        retained = await rig.deploy(name="retained", deletionPolicy="Retain")
        await rig.look(retained)
        await delete(retained)
        assert list(objects.list(f"{rig.prefix}/{rig.namespace}/flows/retained/"))

    run(kubeconfig, objects, test)
