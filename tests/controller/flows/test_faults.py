"""Flow deployments with an operator that crashes, one too many, or a status that is gone: the end is the same."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dagy.adapters.kube.api import flowdeployment_path
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import erase_status
from tests.fakes.dying_api import Api, Crash
from tests.fakes.flow_controller import FlowRig, ready, run

pytestmark = pytest.mark.apiserver
Json = dict[str, Any]


def test_erased_status_changes_nothing(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        package = await rig.package()
        key = await rig.deploy(package, schedule="0 3 * * *")
        await rig.annotate(key, run="1", refresh="1")
        before = (await rig.look(key))["status"]
        await rig.build(package)
        await erase_status(rig.admin, flowdeployment_path(key.namespace, key.name))
        after = (await rig.look(key))["status"]
        times = {c["type"]: c["lastTransitionTime"] for c in after["conditions"]}
        for condition in before["conditions"]:
            condition["lastTransitionTime"] = times[condition["type"]]
        assert after == before
        assert len(await rig.list("jobs")) == 1

    run(kubeconfig, objects, test)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_every_write_changes_nothing_in_the_end(kubeconfig: str, objects: ObjectStore, after: bool) -> None:
    most = 9

    async def crash(rig: FlowRig, die_at: int) -> tuple[bool, Json]:
        package = await rig.package()
        key = await rig.deploy(package, schedule="0 3 * * *")
        await rig.annotate(key, run="1")
        api, crashed = Api(rig.operator, die_at=die_at, after=after), False
        try:
            await rig.reconciler(api).reconcile(key)
        except Crash:
            crashed = True
        flow = await rig.look(key)
        mine = [j for j in await rig.list("jobs") if j["metadata"]["labels"]["dagy.io/flow-deployment"] == key.name]
        assert len(mine) == 1
        return crashed, {
            "ready": ready(flow),
            "revision": flow["status"]["revision"],
            "run": flow["status"]["lastHandledRun"],
        }

    async def test(rig: FlowRig) -> None:
        results = await asyncio.gather(*(crash(rig, die_at) for die_at in range(1, most + 1)))
        assert results[-1][0] is False, "a deployment takes more writes than this test lets crash"
        assert sum(crashed for crashed, _ in results) >= 6
        assert all(end == results[-1][1] for _, end in results)

    run(kubeconfig, objects, test)


def test_two_operators_at_once_are_harmless(kubeconfig: str, objects: ObjectStore) -> None:
    async def race(rig: FlowRig) -> None:
        key = await rig.deploy(await rig.package(), schedule="0 3 * * *")
        await rig.annotate(key, run="1")
        for _ in range(3):
            await asyncio.gather(*(rig.reconciler().reconcile(key) for _ in range(2)))
        flow = await rig.flow(key)
        assert (ready(flow), flow["status"]["revision"]) == (("True", "Deployed"), 1)

    async def test(rig: FlowRig) -> None:
        await asyncio.gather(*(race(rig) for _ in range(5)))
        assert (
            len(await rig.list("jobs"))
            == len(await rig.list("cronjobs"))
            == len(await rig.list("controllerrevisions"))
            == 5
        )

    run(kubeconfig, objects, test)
