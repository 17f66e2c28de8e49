"""A ZIP that somebody deletes in S3: found, told, built again from the same lock; on a real API server and a real S3."""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

import pytest
from typing_extensions import override

from dagy.adapters.kube.api import deppackage_path
from dagy.adapters.packages.artifact_store import ArtifactStore
from dagy.adapters.packages.attach_lookup import AttachLookup
from dagy.controller.packages.artifact_checks import ArtifactChecks
from dagy.core.attach.pin import AttachRequest, PackageRef, Refusal
from dagy.core.common.keys import Location, ObjectKey
from dagy.model.base import NamespacedName
from dagy_builder.contract import Fault, Reason
from dagy_builder.storage.store import ObjectStore, StorageError
from tests.controller.packages.test_truth import condition, status_of
from tests.fakes.controller import NAMESPACE, Rig, create, erase_status, run
from tests.fakes.kubelet import BUCKET

pytestmark = pytest.mark.apiserver


class Away(ArtifactStore):
    """A store of which S3 does not answer when it is asked for a size."""

    @override
    async def size(self, key: ObjectKey) -> NoReturn:
        raise StorageError(Reason.STORAGE_UNREACHABLE, "S3 does not answer.", Fault.INFRASTRUCTURE)


def key_in_s3(status: dict[str, Any]) -> str:
    return str(status["s3Uri"]).removeprefix(f"s3://{BUCKET}/")


async def attached(rig: Rig, slug: str, sha256: str | None = None) -> str:
    """What a pod that asks for it is told."""
    request = AttachRequest(NAMESPACE, (PackageRef(slug, sha256),))
    lookup = AttachLookup(rig.admin, Location(BUCKET, rig.prefix), rig.objects)
    found = await lookup.plan(request, compare=False)
    return found.message if isinstance(found, Refusal) else "attached"


@pytest.mark.parametrize("policy", ["Auto", "Manual"])
@pytest.mark.parametrize("instead", [None, b"something else"])
def test_it_is_found_told_and_built_again(
    kubeconfig: str, objects: ObjectStore, policy: str, instead: bytes | None
) -> None:
    async def test(rig: Rig) -> None:
        found: list[NamespacedName] = []
        checks = ArtifactChecks(rig.store, found.append)
        key, operator = await create(rig, buildPolicy=policy), rig.reconciler(checks=checks)
        path = deppackage_path(NAMESPACE, key.name)
        await rig.admin.merge(path, {"metadata": {"annotations": {"dagy.io/build": "1"}}})
        before = (await rig.settle(key, operator.reconcile))["status"]
        await checks.check_next()
        assert not found
        objects.delete(key_in_s3(before))
        if instead is not None:
            objects.put(key_in_s3(before), instead, "application/zip")
        jobs = len(rig.kubelet.jobs_seen)

        await operator.reconcile(key)
        assert await status_of(rig, key) == before, "nobody has looked yet"
        await checks.check_next()
        assert found == [key]
        assert await operator.reconcile(key)
        status = await status_of(rig, key)
        assert condition(status, "Ready") == ("False", "ArtifactGone")
        assert condition(status, "Settled")[0] == "False"
        assert "s3Uri" not in status
        assert before["s3Uri"] in status["message"]
        told = await attached(rig, before["slug"])
        assert "is QUEUED" in told
        assert status["message"].rstrip(".") in told
        pinned = await attached(rig, before["slug"], before["artifact"]["sha256"])
        assert before["s3Uri"] in pinned
        assert "revisionHistoryLimit" not in pinned

        again = (await rig.settle(key, operator.reconcile))["status"]
        assert again["phase"] == "COMPLETED"
        assert again["artifact"] == before["artifact"]
        assert again["lockHash"] == before["lockHash"]
        assert again["lost"]["rebuiltAt"]
        assert len(rig.kubelet.jobs_seen) == jobs + 1, "nothing was resolved again"
        assert await attached(rig, before["slug"], before["artifact"]["sha256"]) == "attached"
        await checks.check_next()
        assert found == [key]

    run(kubeconfig, objects, test)


def test_a_record_without_its_zip_is_not_adopted_after_status_was_erased(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler()
        before = (await rig.settle(key, operator.reconcile))["status"]
        objects.delete(key_in_s3(before))
        await erase_status(rig.admin, deppackage_path(NAMESPACE, key.name))
        await operator.reconcile(key)
        status = await status_of(rig, key)
        assert condition(status, "Ready") == ("False", "ArtifactGone")
        assert "artifact" not in status
        assert (await rig.settle(key, operator.reconcile))["status"]["artifact"] == before["artifact"]

    run(kubeconfig, objects, test)


def test_a_store_that_is_away_has_lost_nothing(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        found: list[NamespacedName] = []
        away = Away(rig.objects, Location(BUCKET, rig.prefix))
        checks = ArtifactChecks(away, found.append)
        key, operator = await create(rig), rig.reconciler(checks=checks)
        before = (await rig.settle(key, operator.reconcile))["status"]
        with pytest.raises(StorageError):
            await checks.check_next()
        assert not found
        # It answered when it was looked for, and is away when that is to be made sure of.
        objects.delete(key_in_s3(before))
        checks._store = rig.store
        await checks.check_next()
        assert found == [key]
        await rig.reconciler(checks=checks, store=away).reconcile(key)
        assert await status_of(rig, key) == before

    run(kubeconfig, objects, test)


def test_each_is_looked_for_once_in_a_round_and_who_is_gone_is_not(objects: ObjectStore, kubeconfig: str) -> None:
    async def test(rig: Rig) -> None:
        everything = asyncio.Event()
        found: list[NamespacedName] = []

        def announce(key: NamespacedName) -> None:
            found.append(key)
            if len(found) == 3:
                everything.set()

        checks = ArtifactChecks(rig.store, announce, round_seconds=0.1)
        operator = rig.reconciler(checks=checks)
        keys = [await create(rig, dependencies=["pandas", f"a{number}"]) for number in range(4)]
        for key in keys:
            status = (await rig.settle(key, operator.reconcile))["status"]
            objects.delete(key_in_s3(status))
        await rig.admin.delete(deppackage_path(NAMESPACE, keys[0].name))
        await operator.reconcile(keys[0])
        running = asyncio.create_task(checks.run())
        await asyncio.wait_for(everything.wait(), 60)
        running.cancel()
        assert found == keys[1:], "one after the other, in the order of their last check"

    run(kubeconfig, objects, test)
