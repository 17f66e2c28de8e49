"""The reconciler against a real API server and S3: crashes at every write, two operators at once, erased status."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dagy.adapters.kube.api import KubeError, deppackage_path, namespaced
from dagy.model.base import NamespacedName
from dagy_builder.contract import Fault, Reason, Step, StepOutcome
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import NAMESPACE, Rig, create, erase_status, run
from tests.fakes.dying_api import Api, Crash
from tests.fakes.kubelet import BUILDS, YANKED

pytestmark = pytest.mark.apiserver

INVALID = StepOutcome(
    Step.RESOLVE,
    ok=False,
    reason=Reason.PACKAGE_NOT_FOUND,
    message="The index knows no package panadas. Correct the name.",
    fault=Fault.USER,
    problems=[{"message": "The index knows no package panadas.", "requirement": "panadas"}],
)


def essence(package: dict[str, Any]) -> dict[str, Any]:
    """What must be the same whatever happened on the way."""
    status = package["status"]
    return {
        "phase": status["phase"],
        "message": status["message"],
        "conditions": [(c["type"], c["status"], c["reason"]) for c in status["conditions"]],
        "finalizers": package["metadata"]["finalizers"],
        "slugged": package["metadata"]["labels"]["dagy.io/slug"] == status["slug"],
    }


async def claims(rig: Rig, key: NamespacedName) -> list[str]:
    items, _ = await rig.admin.list("/apis/dagy.io/v1/slugclaims", fieldSelector=f"spec.name={key.name}")
    return [item["spec"]["slug"] for item in items]


def test_from_apply_to_completed_and_nothing_more(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        api = Api(rig.operator)
        key, operator = await create(rig), rig.reconciler(api)
        done = await rig.settle(key, operator.reconcile)
        assert done["status"]["phase"] == "COMPLETED"
        assert await claims(rig, key) == [done["status"]["slug"]]
        assert len(rig.kubelet.jobs_seen) == 2
        writes = [w for w in api.writes if "/events" not in w]
        assert len(writes) <= 20, writes
        again = len(api.writes)
        await operator.reconcile(key)
        await rig.reconciler(api).reconcile(key)
        assert len(api.writes) == again
        assert not (await rig.admin.list(namespaced("jobs", BUILDS)))[0]

    run(kubeconfig, objects, test)


def test_a_job_is_looked_at_when_no_event_comes(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler()
        assert await operator.reconcile(key) == pytest.approx(15.0), "it may wait for something that is deleted"

    run(kubeconfig, objects, test)


def test_warnings_are_kept(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key = await create(rig)
        done = await rig.settle(key, rig.reconciler().reconcile)
        assert done["status"]["validation"]["warnings"] == [YANKED]

    run(kubeconfig, objects, test)


MOST_WRITES = 32


@pytest.mark.parametrize("copied", [False, True], ids=["built", "copied"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_every_write_changes_nothing_in_the_end(
    kubeconfig: str, objects: ObjectStore, after: bool, copied: bool
) -> None:
    async def crash(rig: Rig, die_at: int) -> tuple[bool, dict[str, Any]]:
        key, api, lock = await create(rig), Api(rig.operator, die_at=die_at, after=after), rig.kubelet.lock
        rig = rig.alone(key)
        if copied:
            rig.kubelet.lock = lock
        operators, crashed = [rig.reconciler(api)], []

        async def look(key: NamespacedName) -> None:
            try:
                await operators[-1].reconcile(key)
            except Crash:
                crashed.append(api.writes[-1])
                operators.append(rig.reconciler())
                await operators[-1].reconcile(key)

        done = await rig.settle(key, look)
        assert len(rig.kubelet.jobs_seen) == (1 if copied else 2), crashed
        assert ("reusedFrom" in done["status"]["build"]) == copied, crashed
        assert done["status"]["slug"] in await claims(rig, key), crashed
        return bool(crashed), essence(done)

    async def test(rig: Rig) -> None:
        if copied:
            await rig.settle(await create(rig), rig.reconciler().reconcile)
        results = await asyncio.gather(*(crash(rig, die_at) for die_at in range(1, MOST_WRITES + 1)))
        assert results[-1][0] is False, "a package takes more writes than this test lets crash"
        assert sum(crashed for crashed, _ in results) > 10
        assert all(end == results[-1][1] for _, end in results)

    run(kubeconfig, objects, test)


def test_two_operators_at_once_are_harmless(kubeconfig: str, objects: ObjectStore) -> None:
    async def race(rig: Rig) -> None:
        key = await create(rig)
        rig = rig.alone(key)
        first, second = rig.reconciler(), rig.reconciler()

        async def look(key: NamespacedName) -> None:
            outcomes = await asyncio.gather(first.reconcile(key), second.reconcile(key), return_exceptions=True)
            assert all(not isinstance(o, BaseException) or isinstance(o, KubeError) for o in outcomes), outcomes

        done = await rig.settle(key, look)
        assert done["status"]["phase"] == "COMPLETED"
        assert len(rig.kubelet.jobs_seen) == 2
        assert done["status"]["slug"] == min(await rig.cluster().claims.of(key), key=lambda claim: claim.version).slug

    async def test(rig: Rig) -> None:
        await asyncio.gather(*(race(rig) for _ in range(10)))

    run(kubeconfig, objects, test)


def test_erased_status_comes_back_without_a_job(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler()
        done = await rig.settle(key, operator.reconcile)
        await erase_status(rig.admin, deppackage_path(key.namespace, key.name))
        rig.kubelet.jobs_seen.clear()
        back = await rig.settle(key, rig.reconciler().reconcile)
        assert essence(back) == essence(done)
        assert back["status"]["s3Uri"] == done["status"]["s3Uri"]
        assert back["status"]["slug"] == done["status"]["slug"]
        assert not rig.kubelet.jobs_seen

    run(kubeconfig, objects, test)


def test_an_invalid_list_and_its_correction(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig, dependencies=["panadas"]), rig.reconciler()
        await operator.reconcile(key)
        await rig.kubelet.step()
        await rig.kubelet.step(INVALID)
        await operator.reconcile(key)
        package = await rig.package(key)
        assert package
        status = package["status"]
        assert status["phase"] == "INVALID"
        assert status["message"] == INVALID.message
        assert status["validation"]["errors"] == [{**one, "index": 0, "fixes": []} for one in INVALID.problems or []]
        assert objects.get(status["validation"]["logUri"].removeprefix("s3://dagy/"))
        before = package["metadata"]["resourceVersion"]
        await rig.reconciler().reconcile(key)
        package = await rig.package(key)
        assert package
        assert package["metadata"]["resourceVersion"] == before
        await rig.admin.merge(deppackage_path(NAMESPACE, key.name), {"spec": {"dependencies": ["pandas"]}})
        fixed = await rig.settle(key, operator.reconcile)
        assert fixed["status"]["phase"] == "COMPLETED"
        assert fixed["status"]["slug"] == status["slug"]

    run(kubeconfig, objects, test)


@pytest.mark.parametrize("retain", [False, True])
def test_deletion_leaves_only_the_claim(kubeconfig: str, objects: ObjectStore, retain: bool) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig, deletionPolicy="Retain" if retain else "Delete"), rig.reconciler()
        done = await rig.settle(key, operator.reconcile)
        prefix = f"{rig.prefix}/{NAMESPACE}/{done['status']['slug']}/"
        assert list(objects.list(prefix))
        await rig.admin.delete(deppackage_path(NAMESPACE, key.name))
        assert await rig.package(key)
        await operator.reconcile(key)
        await rig.kubelet.step()
        await operator.reconcile(key)
        assert await rig.package(key) is None
        assert bool(list(objects.list(prefix))) == retain
        assert await claims(rig, key) == [done["status"]["slug"]]
        await operator.reconcile(key)

    run(kubeconfig, objects, test)


def test_history_is_bounded_and_what_it_forgets_is_deleted(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig, revisionHistoryLimit=1), rig.reconciler()
        uris = []
        for version in ("3.10", "3.11", "3.12"):
            await rig.admin.merge(deppackage_path(NAMESPACE, key.name), {"spec": {"pythonVersion": version}})
            done = await rig.settle(key, operator.reconcile)
            uris.append(done["status"]["s3Uri"])
        assert [a["uri"] for a in done["status"]["history"]] == [uris[1]]
        stored = [key for key in objects.list(f"{rig.prefix}/") if key.endswith(".zip")]
        assert {f"s3://dagy/{key}" for key in stored} == set(uris[1:])

    run(kubeconfig, objects, test)


def test_what_history_forgets_of_a_rebuilt_lock_takes_no_record_with_it(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig, revisionHistoryLimit=0), rig.reconciler()
        first = await rig.settle(key, operator.reconcile)
        again = {"metadata": {"annotations": {"dagy.io/build": "again"}}}
        await rig.admin.merge(deppackage_path(NAMESPACE, key.name), again)
        done = await rig.settle(key, operator.reconcile)
        assert done["status"]["s3Uri"] != first["status"]["s3Uri"]
        stored = list(objects.list(f"{rig.prefix}/"))
        assert [f"s3://dagy/{key}" for key in stored if key.endswith(".zip")] == [done["status"]["s3Uri"]]
        assert len([key for key in stored if key.endswith(".build.json")]) == 1

    run(kubeconfig, objects, test)
