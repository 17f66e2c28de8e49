"""Whose objects are deleted: what others write into status, labels and specs changes none of it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dagy.adapters.kube.api import KubeError, deppackage_path, flowdeployment_path, namespaced
from dagy.adapters.packages.artifact_store import ArtifactStore
from dagy.controller.packages.slugs import Slugs
from dagy.core.common.keys import Location
from dagy.model.base import NamespacedName
from dagy.model.constants import FINALIZER, LABEL_MANAGED_BY, LABEL_PACKAGE_UID
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import NAMESPACE, Rig, create, run
from tests.fakes.flow_controller import run as run_flows
from tests.fakes.kubelet import BUCKET, BUILDS
from tests.fakes.owners import EXPORTED, apply_again, completed, delete, stored, write_status

pytestmark = pytest.mark.apiserver


@pytest.mark.parametrize(
    "pointer", ["{theirs}", "s3://dagy/{prefix}/team-a/{slug}/", "s3://dagy/{prefix}/", "s3://dagy/"]
)
def test_a_status_that_points_at_others_deletes_nothing_of_theirs(
    kubeconfig: str, objects: ObjectStore, pointer: str
) -> None:
    async def test(rig: Rig) -> None:
        _, _, victim = await completed(rig)
        before = stored(rig, victim)
        mine, key, package = await completed(rig, revisionHistoryLimit=0)
        at = pointer.format(theirs=victim["status"]["s3Uri"], prefix=rig.prefix, slug=victim["status"]["slug"])
        forged = {**package["status"]["artifact"], "uri": at, "sha256": "f" * 64}
        await write_status(mine, key, history=[forged], slug=victim["status"]["slug"])
        healed = await mine.settle(key, mine.reconciler().reconcile)
        assert healed["status"].get("history", []) == []
        assert healed["status"]["slug"] == package["status"]["slug"], "a forged slug is corrected"
        await write_status(mine, key, artifact=forged)
        healed = await mine.settle(key, mine.reconciler().reconcile)
        assert healed["status"]["artifact"] == package["status"]["artifact"], "S3 is asked again"
        await write_status(mine, key, history=[forged], slug=victim["status"]["slug"], artifact=forged)
        await delete(mine, key)
        assert await mine.package(key) is None
        assert before
        assert stored(rig, victim) == before

    run(kubeconfig, objects, test)


@pytest.mark.parametrize("label", ["{slug}", "flows"])
def test_a_label_and_a_finalizer_delete_nothing_of_others(kubeconfig: str, objects: ObjectStore, label: str) -> None:
    """What `kubectl get -o yaml`, a new name and `kubectl create` bring along, and what an editor can write on purpose."""

    async def test(rig: Rig) -> None:
        _, _, victim = await completed(rig)
        code = f"{rig.prefix}/{NAMESPACE}/flows/etl/{'0' * 64}.zip"
        objects.put(code, b"code", "application/zip")
        key = NamespacedName(NAMESPACE, f"p-{uuid.uuid4().hex[:8]}")
        await apply_again(rig, key, labels={"dagy.io/slug": label.format(slug=victim["status"]["slug"])}, **EXPORTED)
        before = stored(rig, victim)
        await delete(rig, key)
        assert await rig.package(key) is None, "the finalizer of another manager is removed as well"
        assert before
        assert stored(rig, victim) == before
        assert objects.get(code) == b"code"

    run(kubeconfig, objects, test)


def test_a_finalizer_that_somebody_took_comes_back(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        rig, key, _ = await completed(rig)
        await rig.admin.merge(deppackage_path(key.namespace, key.name), {"metadata": {"finalizers": None}})
        await rig.reconciler().reconcile(key)
        package = await rig.package(key)
        assert package
        assert package["metadata"]["finalizers"] == [FINALIZER]

    run(kubeconfig, objects, test)


def test_finalizers_of_others_stay(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key = NamespacedName(NAMESPACE, f"p-{uuid.uuid4().hex[:8]}")
        await apply_again(rig, key, finalizers=["example.com/theirs", "dagy.io/artifacts"])
        await delete(rig, key)
        left = await rig.package(key)
        assert left
        assert left["metadata"]["finalizers"] == ["example.com/theirs"]
        await rig.admin.merge(deppackage_path(key.namespace, key.name), {"metadata": {"finalizers": None}})

    run(kubeconfig, objects, test)


@pytest.mark.parametrize("write", ["status", "metadata", "finalizer"])
def test_one_who_was_late_reads_again(kubeconfig: str, objects: ObjectStore, write: str) -> None:
    """A write is for the object as it was read, and for no other."""

    async def test(rig: Rig) -> None:
        key = NamespacedName(NAMESPACE, f"p-{uuid.uuid4().hex[:8]}")
        await apply_again(rig, key, **EXPORTED)
        package = await rig.package(key)
        assert package
        annotated = {"metadata": {"annotations": {"a": "b"}}}
        await rig.admin.merge(deppackage_path(key.namespace, key.name), annotated)
        packages = rig.cluster().packages
        writes: dict[str, Callable[[], Awaitable[object]]] = {
            "status": lambda: packages.write_status(package, {"message": "late"}),
            "metadata": lambda: packages.write_metadata(package, {"dagy.io/slug": "LATE0000"}),
            "finalizer": lambda: packages.remove_finalizer(package),
        }
        with pytest.raises(KubeError) as late:
            await writes[write]()
        assert late.value.is_conflict

    run(kubeconfig, objects, test)


def test_a_late_finalizer_meets_nothing_of_the_namesake(kubeconfig: str, objects: ObjectStore) -> None:
    """One operator lists what it is to delete, and sleeps; another one goes on; a namesake is built; the first wakes."""

    async def test(rig: Rig) -> None:
        rig, key, first = await completed(rig)
        await rig.admin.delete(deppackage_path(key.namespace, key.name))
        await rig.kubelet.step()
        package = await rig.package(key)
        assert package
        homes = await Slugs(rig.cluster().claims, rig.store).homes(package)
        await delete(rig, key)
        assert await rig.package(key) is None
        assert not stored(rig, first)
        await apply_again(rig, key)
        second = await rig.settle(key, rig.reconciler().reconcile)
        assert second["status"]["slug"] == first["status"]["slug"]
        before = stored(rig, second)
        for home in homes:
            await rig.store.delete(home)
        assert before
        assert stored(rig, second) == before

    run(kubeconfig, objects, test)


def test_deletion_with_nothing_left_to_tell_asks_the_claim(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        rig, key, package = await completed(rig)
        await write_status(rig, key, **dict.fromkeys(package["status"]))
        await rig.admin.merge(deppackage_path(key.namespace, key.name), {"metadata": {"labels": None}})
        assert stored(rig, package)
        await delete(rig, key)
        assert not stored(rig, package)

    run(kubeconfig, objects, test)


@pytest.mark.parametrize("labelled", [True, False])
def test_a_deletion_stops_the_job_and_waits_for_its_pod(kubeconfig: str, objects: ObjectStore, labelled: bool) -> None:
    """A pod that still runs could upload after the deletion."""

    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler()
        rig = rig.alone(key)
        await operator.reconcile(key)
        assert await rig.kubelet.step()
        if not labelled:  # somebody took the labels away: such a package never went
            (job,) = await rig.cluster().jobs({LABEL_PACKAGE_UID: ((await rig.package(key)) or {})["metadata"]["uid"]})
            lost = {LABEL_PACKAGE_UID: None, LABEL_MANAGED_BY: None}
            await rig.admin.merge(namespaced("jobs", BUILDS, job.name), {"metadata": {"labels": lost}})
        await rig.admin.delete(deppackage_path(key.namespace, key.name))
        assert await operator.reconcile(key), "it looks again"
        assert await rig.package(key)
        assert not await rig.kubelet.step(), "the Job is gone, and now its pod goes"
        assert await operator.reconcile(key) is None
        assert await rig.package(key) is None

    run(kubeconfig, objects, test)


def test_what_is_uploaded_after_the_deletion_is_swept(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        rig, key, package = await completed(rig)
        zipped = next(k for k in stored(rig, package) if k.endswith(".zip"))
        await delete(rig, key)
        objects.put(zipped, b"late", "application/zip")  # the pod of a lost node
        await apply_again(rig, key)
        second = await rig.settle(key, rig.reconciler().reconcile)
        before, now = stored(rig, second), datetime.now(UTC)
        store = ArtifactStore(objects, Location(BUCKET, rig.prefix))
        await store.sweep(now + timedelta(hours=2))
        assert stored(rig, package), "a pod may run for two hours"
        await store.sweep(now + timedelta(hours=3))
        assert not stored(rig, package)
        assert not list(objects.list(f"{rig.prefix}/_deleted/"))
        assert stored(rig, second) == before

    run(kubeconfig, objects, test)


@pytest.mark.parametrize("flat", [False, True], ids=["folders", "as before folders"])
def test_what_is_retained_comes_back(kubeconfig: str, objects: ObjectStore, flat: bool) -> None:
    async def test(rig: Rig) -> None:
        rig, key, first = await completed(rig, deletionPolicy="Retain")
        await delete(rig, key)
        left, uid = stored(rig, first), first["metadata"]["uid"]
        assert left
        if flat:
            for place in left:
                data = objects.get(place) or b""
                moved = data.replace(f"/{uid}/".encode(), b"/") if place.endswith("json") else data
                objects.delete(place)
                if not place.endswith("/retained"):
                    objects.put(place.replace(f"/{uid}/", "/"), moved, "application/json")
        seen = set(rig.kubelet.jobs_seen)
        await apply_again(rig, key)
        second = await rig.settle(key, rig.reconciler().reconcile)
        assert second["status"]["phase"] == "COMPLETED"
        assert rig.kubelet.jobs_seen == seen, "nothing was validated or built again"
        assert second["status"]["artifact"]["sha256"] == first["status"]["artifact"]["sha256"]
        assert objects.get(second["status"]["s3Uri"].removeprefix(f"s3://{BUCKET}/"))
        assert not stored(rig, first)
        await delete(rig, key)
        assert not list(objects.list(f"{rig.prefix}/{NAMESPACE}/{first['status']['slug']}/"))

    run(kubeconfig, objects, test)


@pytest.mark.parametrize("again", [False, True], ids=["deleted", "deleted after one more namesake"])
def test_a_predecessors_operator_that_is_late_leaves_nothing(
    kubeconfig: str, objects: ObjectStore, again: bool
) -> None:
    """It leaves the objects of the first package to a namesake that has taken them over, and may be gone by then."""

    async def test(rig: Rig) -> None:
        rig, key, first = await completed(rig, deletionPolicy="Retain")
        await delete(rig, key)
        marker = next(place for place in stored(rig, first) if place.endswith("/retained"))
        await apply_again(rig, key)
        await rig.settle(key, rig.reconciler().reconcile)
        assert not stored(rig, first)
        objects.put(marker, b"", "text/plain")
        if again:
            await delete(rig, key)
            await apply_again(rig, key)
            await rig.settle(key, rig.reconciler().reconcile)
        await delete(rig, key)
        assert not list(objects.list(f"{rig.prefix}/{NAMESPACE}/{first['status']['slug']}/"))

    run(kubeconfig, objects, test)


def test_a_flow_deployment_with_anothers_finalizer_goes(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Any) -> None:
        key = await rig.deploy()
        path = flowdeployment_path(key.namespace, key.name)
        await rig.admin.merge(path, {"metadata": EXPORTED})
        await rig.look(key)
        await rig.admin.delete(path)
        await rig.reconciler().reconcile(key)
        assert await rig.admin.get(path) is None

    run_flows(kubeconfig, objects, test)
