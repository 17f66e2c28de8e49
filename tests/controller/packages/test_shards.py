"""Two operators that serve different namespaces, by name or by label, and share the build namespace, and so the slots."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from dagy.adapters.kube.api import KubeError, deppackage_path, namespaced
from dagy.adapters.settings.operator import Settings
from dagy.controller.packages.wiring import Packages
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import NAMESPACE, Rig, run
from tests.fakes.dying_api import Api
from tests.fakes.kubelet import BUCKET, BUILDS

pytestmark = pytest.mark.apiserver
OTHER = "team-of-another-shard"


class Shard:
    """An operator of one namespace, or of those with a label, with its requests."""

    def __init__(self, rig: Rig, namespace: str, **given: Any) -> None:
        self.api, self.namespace = Api(rig.operator), namespace
        given = {"watch_namespaces": namespace, "max_validations": 1, **given}
        settings = Settings(s3_bucket=BUCKET, s3_prefix=rig.prefix, builder_image="builder:1", **given)
        self.packages = Packages(self.api, rig.objects, settings, lambda: datetime.now(UTC))

    async def work(self) -> None:
        async with asyncio.TaskGroup() as group:
            self.packages.start(group)
            await asyncio.Event().wait()

    async def done(self) -> None:
        """Wait until it has looked at all that it has to."""
        await asyncio.wait_for(self.packages.controller.synced.wait(), 60)
        await self.packages.queue.idle()

    def hear(self, obj: dict[str, Any], *, deleted: bool = False) -> None:
        for resource, handler in self.packages.job_handlers().items():
            if resource.plural == "jobs":
                handler(obj, deleted)


async def package(rig: Rig, namespace: str, **spec: Any) -> NamespacedName:
    with suppress(KubeError):
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        await rig.admin.create("/api/v1/namespaces", body)
    key = NamespacedName(namespace, f"p-{uuid.uuid4().hex[:8]}")
    given = {"pythonVersion": "3.12", "dependencies": ["pandas"], **spec}
    body = {"apiVersion": "dagy.io/v1", "kind": "DepPackage", "metadata": {"name": key.name}, "spec": given}
    await rig.admin.create(deppackage_path(namespace), body)
    return key


async def jobs(rig: Rig) -> list[dict[str, Any]]:
    return (await rig.admin.list(namespaced("jobs", BUILDS)))[0]


def test_each_serves_its_own_namespaces_and_the_limit_is_one_for_both(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        shards = [Shard(rig, NAMESPACE), Shard(rig, OTHER)]
        keys = [await package(rig, shard.namespace) for shard in shards]
        async with asyncio.TaskGroup() as group:
            work = [group.create_task(shards[0].work())]
            await shards[0].done()
            (first,) = await jobs(rig)
            work.append(group.create_task(shards[1].work()))
            await shards[1].done()
            assert await jobs(rig) == [first], "the other shard's takes the only slot"
            for shard in shards:
                shard.hear(first)
                await shard.packages.queue.idle()
            await rig.admin.delete(namespaced("jobs", BUILDS, first["metadata"]["name"]))
            await rig.admin.merge(deppackage_path(NAMESPACE, keys[0].name), {"spec": {"suspend": True}})
            shards[1].hear(first, deleted=True)
            await shards[1].done()
            (second,) = await jobs(rig)
            assert second["metadata"]["annotations"]["dagy.io/package"] == str(keys[1])
            for task in work:
                task.cancel()
        for shard, other in zip(shards, reversed(shards), strict=True):
            assert not [path for path in shard.api.reads if f"/namespaces/{other.namespace}/" in path]

    run(kubeconfig, objects, test)
