"""Two operators that serve the namespaces with one value of a label each, as labels come, change and go."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dagy.adapters.kube.api import deppackage_path, namespaced
from dagy.adapters.packages.claims import Claims
from dagy.core.common.slug import new_slug
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore
from tests.controller.packages.test_shards import Shard, jobs, package
from tests.fakes.controller import Rig, run
from tests.fakes.kubelet import BUILDS

pytestmark = pytest.mark.apiserver

RIGHTS = Path(__file__).parents[3] / "manifests/components/namespace-selector/rbac.yaml"
ROLES = "/apis/rbac.authorization.k8s.io/v1"


def new(what: str) -> str:
    """The name of a namespace that no other test has."""
    return f"{what}-{uuid.uuid4().hex[:8]}"


async def labelled(rig: Rig, namespace: str, shard: str | None) -> None:
    path = f"/api/v1/namespaces/{namespace}"
    await rig.admin.merge(path, {"metadata": {"labels": {"dagy.io/shard": shard}}})


async def may_list_namespaces(rig: Rig) -> None:
    for document in yaml.safe_load_all(RIGHTS.read_text()):
        plural = f"{document['kind'].lower()}s"
        await rig.admin.apply(f"{ROLES}/{plural}/{document['metadata']['name']}", document)


def shard(rig: Rig, value: str) -> Shard:
    return Shard(
        rig, "", watch_namespace_selector=f"dagy.io/shard={value}", max_validations=10, max_validations_per_namespace=10
    )


async def owners(rig: Rig) -> list[str]:
    return sorted(job["metadata"]["annotations"]["dagy.io/package"] for job in await jobs(rig))


async def eventually(fact: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await fact():
            await asyncio.sleep(0.02)  # which namespaces are served is told to nobody


def test_each_serves_the_namespaces_of_its_label(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        await may_list_namespaces(rig)
        ever, moved = new("ever"), new("moved")
        first, second = await package(rig, ever), await package(rig, moved)
        one_shard, another = new("a"), new("b")
        await labelled(rig, ever, one_shard)
        a, b = shard(rig, one_shard), shard(rig, another)

        async def both() -> bool:
            return await owners(rig) == sorted(map(str, (first, second)))

        async def is_moved() -> bool:
            return moved in a.packages._served and moved not in b.packages._served

        async with asyncio.TaskGroup() as group:
            work = [group.create_task(one.work()) for one in (a, b)]
            for one in (a, b):
                await one.done()
            assert await owners(rig) == [str(first)], "the other namespace has no label, and nobody serves it"
            await labelled(rig, moved, another)
            b.packages.controller.namespaces_changed()
            await eventually(both)
            await labelled(rig, moved, one_shard)
            for one in (a, b):
                one.packages.controller.namespaces_changed()
            await eventually(is_moved)
            await b.packages.queue.idle()
            a.api.reads.clear()
            b.api.reads.clear()
            await changed(rig, second, (a, b))
            assert deppackage_path(moved, second.name) in a.api.reads
            assert not b.api.reads, "it has nothing to do with what changes in another's namespace"
            for task in work:
                task.cancel()

    run(kubeconfig, objects, test)


async def changed(rig: Rig, key: NamespacedName, shards: tuple[Shard, ...]) -> None:
    """Change the package, and let all hear of it, as a watch of all namespaces does."""
    await rig.admin.merge(deppackage_path(key.namespace, key.name), {"spec": {"dependencies": ["six"]}})
    now = await rig.package(key)
    assert now
    for one in shards:
        one.packages.controller.changed(now)
        await one.packages.queue.idle()


def test_jobs_of_a_namespace_that_is_gone_are_deleted_by_anybody(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        await may_list_namespaces(rig)
        b, lives = shard(rig, new("b")), await package(rig, new("lives"))
        left, theirs = {"dagy.io/package": f"{new('gone')}/p"}, {"dagy.io/package": str(lives)}
        for name, owner in (("left", left), ("theirs", theirs)):
            await rig.admin.create(namespaced("jobs", BUILDS), job(name, owner))
        async with asyncio.TaskGroup() as group:
            work = group.create_task(b.work())
            await b.done()
            work.cancel()
        assert [one["metadata"]["name"] for one in await jobs(rig)] == ["theirs"]

    run(kubeconfig, objects, test)


@pytest.mark.parametrize("more", [0, 20])
def test_claims_of_some_namespaces_are_those_of_no_other(kubeconfig: str, objects: ObjectStore, more: int) -> None:
    async def test(rig: Rig) -> None:
        mine, other = new("mine"), new("other")
        claims, slugs = Claims(rig.admin), [new_slug(), new_slug()]
        for slug, namespace in zip(slugs, (mine, other), strict=True):
            await claims.create(slug, NamespacedName(namespace, "p"), "a-uid")
        found = await claims.all({mine, *(f"one-of-many-{number}" for number in range(more))})
        assert slugs[0] in found
        assert {claim.key.namespace for claim in found.values()} == {mine}
        assert not await claims.all(())
        assert {claim.key.namespace for claim in (await claims.all(None)).values()} >= {mine, other}

    run(kubeconfig, objects, test)


def job(name: str, annotations: dict[str, str]) -> dict[str, Any]:
    container = {"name": "c", "image": "i"}
    labels = {"app.kubernetes.io/managed-by": "dagy-operator", "dagy.io/job-kind": "validate"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "annotations": annotations, "labels": labels},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }
