"""Jobs that were created after their package was gone, by an operator that had been stopped in the middle of a pass."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from dagy.adapters.kube.api import deppackage_path, namespaced
from dagy.adapters.settings.operator import Settings
from dagy.controller.packages.wiring import Packages
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import NAMESPACE, Rig, create, run
from tests.fakes.kubelet import BUCKET, BUILDS

pytestmark = pytest.mark.apiserver


async def resynced(rig: Rig) -> None:
    """Let a new operator look at everything once."""
    settings = Settings(s3_bucket=BUCKET, s3_prefix=rig.prefix, builder_image="builder:1", watch_namespaces=NAMESPACE)
    packages = Packages(rig.operator, rig.objects, settings, lambda: datetime.now(UTC))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(_run(packages))
        await asyncio.wait_for(packages.controller.synced.wait(), 60)
        running.cancel()


async def _run(packages: Packages) -> None:
    async with asyncio.TaskGroup() as group:
        packages.start(group)
        await asyncio.Event().wait()


def test_they_are_deleted_and_those_of_living_packages_stay(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        gone, living = await create(rig), await create(rig)
        for key in (gone, living):
            await rig.reconciler().reconcile(key)
        path = deppackage_path(gone.namespace, gone.name)
        await rig.admin.merge(path, {"metadata": {"finalizers": None}})
        await rig.admin.delete(path)
        await resynced(rig)
        left, _ = await rig.admin.list(namespaced("jobs", BUILDS))
        owners = {job["metadata"]["annotations"]["dagy.io/package"] for job in left}
        assert str(living) in owners
        assert str(gone) not in owners

    run(kubeconfig, objects, test)
