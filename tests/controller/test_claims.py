"""Whose a slug is and whose objects are deleted: what others write into status, labels and specs changes none of it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dagy.adapters.artifact_store import ArtifactStore
from dagy.adapters.kube import KubeError, deppackage_path, flowdeployment_path
from dagy.core.keys import Location
from dagy.core.plan import Key
from dagy_builder.storage import ObjectStore
from tests.controller.harness import BUCKET, NAMESPACE, Rig, create, run

pytestmark = pytest.mark.apiserver

_CLAIMS = "/apis/dagy.io/v1/slugclaims"
_EXPORTED = {"finalizers": ["dagy.io/artifacts"]}


async def completed(rig: Rig, **spec: Any) -> tuple[Rig, Key, dict[str, Any]]:
    key = await create(rig, **spec)
    rig = rig.alone(key)
    return rig, key, await rig.settle(key, rig.reconciler().reconcile)


def stored(rig: Rig, package: dict[str, Any]) -> set[str]:
    """Keys of everything that the package has in S3."""
    metadata = package["metadata"]
    return set(rig.objects.list(f"{rig.prefix}/{metadata['namespace']}/{package['status']['slug']}/{metadata['uid']}/"))


async def write_status(rig: Rig, key: Key, **status: Any) -> None:
    """As whoever has the right to `deppackages/status` can."""
    await rig.admin.merge(deppackage_path(key.namespace, key.name, "status"), {"status": status})


async def apply_again(rig: Rig, key: Key, **metadata: Any) -> None:
    body = {
        "apiVersion": "dagy.io/v1",
        "kind": "DepPackage",
        "metadata": {"name": key.name, **metadata},
        "spec": {"pythonVersion": "3.12", "dependencies": ["pandas", "requests"]},
    }
    assert await rig.admin.create(deppackage_path(key.namespace, "").rstrip("/"), body)


async def delete(rig: Rig, key: Key) -> None:
    await rig.admin.delete(deppackage_path(key.namespace, key.name))
    await rig.reconciler().reconcile(key)
    await rig.kubelet.step()  # collects the pods
    await rig.reconciler().reconcile(key)


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
        key = Key(NAMESPACE, f"p-{uuid.uuid4().hex[:8]}")
        await apply_again(rig, key, labels={"dagy.io/slug": label.format(slug=victim["status"]["slug"])}, **_EXPORTED)
        before = stored(rig, victim)
        await delete(rig, key)
        assert await rig.package(key) is None, "the finalizer of another manager is removed as well"
        assert before
        assert stored(rig, victim) == before
        assert objects.get(code) == b"code"

    run(kubeconfig, objects, test)


def test_finalizers_of_others_stay(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key = Key(NAMESPACE, f"p-{uuid.uuid4().hex[:8]}")
        await apply_again(rig, key, finalizers=["example.com/theirs", "dagy.io/artifacts"])
        await delete(rig, key)
        left = await rig.package(key)
        assert left
        assert left["metadata"]["finalizers"] == ["example.com/theirs"]
        await rig.admin.merge(deppackage_path(key.namespace, key.name), {"metadata": {"finalizers": None}})

    run(kubeconfig, objects, test)


def test_one_who_was_late_reads_again(kubeconfig: str, objects: ObjectStore) -> None:
    """The finalizer goes from the object as it was read, and from no other."""

    async def test(rig: Rig) -> None:
        key = Key(NAMESPACE, f"p-{uuid.uuid4().hex[:8]}")
        await apply_again(rig, key, **_EXPORTED)
        package = await rig.package(key)
        assert package
        annotated = {"metadata": {"annotations": {"a": "b"}}}
        await rig.admin.merge(deppackage_path(key.namespace, key.name), annotated)
        with pytest.raises(KubeError) as late:
            await rig.cluster().let_go(package)
        assert late.value.status == 409

    run(kubeconfig, objects, test)


def test_a_late_finalizer_meets_nothing_of_the_namesake(kubeconfig: str, objects: ObjectStore) -> None:
    """One operator lists what it is to delete, and sleeps; another one goes on; a namesake is built; the first wakes."""

    async def test(rig: Rig) -> None:
        rig, key, first = await completed(rig)
        await rig.admin.delete(deppackage_path(key.namespace, key.name))
        await rig.kubelet.step()
        late = rig.reconciler()
        package = await rig.package(key)
        assert package
        homes = await late._slugs.homes(package)
        await delete(rig, key)
        assert await rig.package(key) is None
        assert not stored(rig, first)
        await apply_again(rig, key)
        second = await rig.settle(key, rig.reconciler().reconcile)
        assert second["status"]["slug"] == first["status"]["slug"]
        before = stored(rig, second)
        for home in homes:
            await late._store.delete(home)
        assert before
        assert stored(rig, second) == before

    run(kubeconfig, objects, test)


@pytest.mark.parametrize("remembers", [True, False])
def test_a_deleted_claim_comes_back(kubeconfig: str, objects: ObjectStore, remembers: bool) -> None:
    async def test(rig: Rig) -> None:
        rig, key, package = await completed(rig)
        slug = package["status"]["slug"]
        await rig.admin.delete(f"{_CLAIMS}/{slug.lower()}")
        if not remembers:
            await write_status(rig, key, **dict.fromkeys(package["status"]))
        again = await rig.settle(key, rig.reconciler().reconcile)
        claim = await rig.admin.get(f"{_CLAIMS}/{slug.lower()}")
        assert claim
        assert claim["spec"]["name"] == key.name
        assert (again["status"]["slug"], again["status"]["s3Uri"]) == (slug, package["status"]["s3Uri"])

    run(kubeconfig, objects, test)


def test_who_took_the_slug_meanwhile_harms_nobody(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        first_rig, first, package = await completed(rig)
        slug, before = package["status"]["slug"], stored(rig, package)
        await rig.admin.delete(f"{_CLAIMS}/{slug.lower()}")
        other_rig, other, taken = await completed(rig, slug=slug)
        assert taken["status"]["phase"] == "COMPLETED"
        await first_rig.reconciler().reconcile(first)
        told = await first_rig.package(first)
        assert told
        assert f"The claim of this package's slug {slug} was deleted" in told["status"]["message"]
        assert other.name not in told["status"]["message"]
        await delete(other_rig, other)
        assert before
        assert stored(rig, package) == before

    run(kubeconfig, objects, test)


def test_a_claim_is_not_made_of_what_a_status_says(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key = await create(rig, suspend=True)
        slug = uuid.uuid4().hex[:8].upper()
        await write_status(rig, key, slug=slug)
        await rig.reconciler().reconcile(key)
        package = await rig.package(key)
        assert package
        assert package["status"]["slug"] != slug
        assert await rig.admin.get(f"{_CLAIMS}/{slug.lower()}") is None

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


def test_a_namespace_made_again_inherits_nothing(kubeconfig: str, objects: ObjectStore) -> None:
    """The claim of an earlier namespace of that name; there is no controller here that could end a namespace."""

    async def test(rig: Rig) -> None:
        rig, key, package = await completed(rig, deletionPolicy="Retain")
        slug = package["status"]["slug"]
        claim = await rig.admin.get(f"{_CLAIMS}/{slug.lower()}")
        assert claim
        there = await rig.admin.get(f"/api/v1/namespaces/{NAMESPACE}")
        assert there
        assert claim["spec"]["namespaceUid"] == there["metadata"]["uid"]
        await delete(rig, key)
        await rig.admin.delete(f"{_CLAIMS}/{slug.lower()}")
        earlier = {**claim, "metadata": {"name": slug.lower()}, "spec": {**claim["spec"], "namespaceUid": "earlier"}}
        assert await rig.admin.create(_CLAIMS, earlier)
        await apply_again(rig, key, labels={"dagy.io/slug": slug})
        anew = await rig.settle(key, rig.reconciler().reconcile)
        assert anew["status"]["slug"] != slug
        assert f"/{slug}/" not in anew["status"]["s3Uri"]
        with pytest.raises(KubeError, match="claims are never changed"):
            await rig.admin.merge(f"{_CLAIMS}/{slug.lower()}", {"spec": {"namespaceUid": "mine"}})

        # After a restore: who may change claims releases this one, and the next look binds it.
        await delete(rig, key)
        await rig.admin.merge(f"{_CLAIMS}/{slug.lower()}", {"spec": {"namespaceUid": None}})
        await rig.admin.delete(f"{_CLAIMS}/{anew['status']['slug'].lower()}")
        await apply_again(rig, key)
        back = await rig.settle(key, rig.reconciler().reconcile)
        assert (back["status"]["slug"], back["status"]["phase"]) == (slug, "COMPLETED")
        bound = await rig.admin.get(f"{_CLAIMS}/{slug.lower()}")
        assert bound
        assert bound["spec"]["namespaceUid"] == there["metadata"]["uid"]

    run(kubeconfig, objects, test)


def test_a_taken_slug_tells_nobody_whose_it_is(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        _, owner, package = await completed(rig)
        key = await create(rig, slug=package["status"]["slug"])
        await rig.reconciler().reconcile(key)
        refused = await rig.package(key)
        assert refused
        assert "is not this package's and is never given to another one" in refused["status"]["message"]
        assert owner.name not in str(refused["status"])
        assert not refused["status"].get("slug")

    run(kubeconfig, objects, test)


def test_slugs_have_an_end(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig, suspend=True), rig.reconciler()
        operator._slugs._limit = await rig.cluster().claims.count(NAMESPACE)
        await operator.reconcile(key)
        package = await rig.package(key)
        assert package
        assert package["status"]["phase"] == "FAILED"
        assert "DAGY_SLUGS_PER_NAMESPACE" in package["status"]["message"]

    run(kubeconfig, objects, test)


def test_a_flow_deployment_with_anothers_finalizer_goes(kubeconfig: str, objects: ObjectStore) -> None:
    from tests.controller.flow_harness import run as run_flows

    async def test(rig: Any) -> None:
        key = await rig.deploy()
        path = flowdeployment_path(key.namespace, key.name)
        await rig.admin.merge(path, {"metadata": _EXPORTED})
        await rig.look(key)
        await rig.admin.delete(path)
        await rig.reconciler().reconcile(key)
        assert await rig.admin.get(path) is None

    run_flows(kubeconfig, objects, test)
