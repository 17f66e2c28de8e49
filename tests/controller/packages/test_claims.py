"""Whose a slug is: a SlugClaim says so, and nothing else."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from typing_extensions import override

from dagy.adapters.kube.api import KubeError, deppackage_path
from dagy.adapters.packages.claims import Claims
from dagy.controller.packages.slugs import Slugs
from dagy.core.common.keys import PackageHome
from dagy.core.common.slug import Claim, new_slug
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import NAMESPACE, Rig, create, run
from tests.fakes.owners import CLAIMS, apply_again, completed, delete, stored, write_status

pytestmark = pytest.mark.apiserver


@pytest.mark.parametrize("remembers", [True, False])
def test_a_deleted_claim_comes_back(kubeconfig: str, objects: ObjectStore, remembers: bool) -> None:
    async def test(rig: Rig) -> None:
        rig, key, package = await completed(rig)
        slug = package["status"]["slug"]
        await rig.admin.delete(f"{CLAIMS}/{slug.lower()}")
        if not remembers:
            await write_status(rig, key, **dict.fromkeys(package["status"]))
        again = await rig.settle(key, rig.reconciler().reconcile)
        claim = await rig.admin.get(f"{CLAIMS}/{slug.lower()}")
        assert claim
        assert claim["spec"]["name"] == key.name
        assert (again["status"]["slug"], again["status"]["s3Uri"]) == (slug, package["status"]["s3Uri"])

    run(kubeconfig, objects, test)


def test_who_took_the_slug_meanwhile_harms_nobody(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        first_rig, first, package = await completed(rig)
        slug, before = package["status"]["slug"], stored(rig, package)
        await rig.admin.delete(f"{CLAIMS}/{slug.lower()}")
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
        assert await rig.admin.get(f"{CLAIMS}/{slug.lower()}") is None

    run(kubeconfig, objects, test)


def test_a_namespace_made_again_inherits_nothing(kubeconfig: str, objects: ObjectStore) -> None:
    """The claim of an earlier namespace of that name; there is no controller here that could end a namespace."""

    async def test(rig: Rig) -> None:
        rig, key, package = await completed(rig, deletionPolicy="Retain")
        slug = package["status"]["slug"]
        claim = await rig.admin.get(f"{CLAIMS}/{slug.lower()}")
        assert claim
        there = await rig.admin.get(f"/api/v1/namespaces/{NAMESPACE}")
        assert there
        assert claim["spec"]["namespaceUid"] == there["metadata"]["uid"]
        await delete(rig, key)
        await rig.admin.delete(f"{CLAIMS}/{slug.lower()}")
        earlier = {**claim, "metadata": {"name": slug.lower()}, "spec": {**claim["spec"], "namespaceUid": "earlier"}}
        assert await rig.admin.create(CLAIMS, earlier)
        await apply_again(rig, key, labels={"dagy.io/slug": slug})
        anew = await rig.settle(key, rig.reconciler().reconcile)
        assert anew["status"]["slug"] != slug
        assert f"/{slug}/" not in anew["status"]["s3Uri"]
        with pytest.raises(KubeError, match="claims are never changed"):
            await rig.admin.merge(f"{CLAIMS}/{slug.lower()}", {"spec": {"namespaceUid": "mine"}})

        # After a restore: who may change claims releases this one, and the next look binds it.
        await delete(rig, key)
        await rig.admin.merge(f"{CLAIMS}/{slug.lower()}", {"spec": {"namespaceUid": None}})
        await rig.admin.delete(f"{CLAIMS}/{anew['status']['slug'].lower()}")
        await apply_again(rig, key)
        back = await rig.settle(key, rig.reconciler().reconcile)
        assert (back["status"]["slug"], back["status"]["phase"]) == (slug, "COMPLETED")
        bound = await rig.admin.get(f"{CLAIMS}/{slug.lower()}")
        assert bound
        assert bound["spec"]["namespaceUid"] == there["metadata"]["uid"]

    run(kubeconfig, objects, test)


def test_what_is_restored_in_an_empty_cluster_has_its_artifact(kubeconfig: str, objects: ObjectStore) -> None:
    """The bucket is the same, and nobody has deleted anything there: the cluster before is no more."""

    async def test(rig: Rig) -> None:
        rig, key, package = await completed(rig)
        slug, before = package["status"]["slug"], package["status"]["artifact"]
        path, jobs = deppackage_path(key.namespace, key.name), set(rig.kubelet.jobs_seen)
        await rig.admin.delete(f"{CLAIMS}/{slug.lower()}")
        await rig.admin.merge(path, {"metadata": {"finalizers": []}})
        await rig.admin.delete(path)
        spec = {"slug": slug, "namespace": key.namespace, "name": key.name}
        claim = {"apiVersion": "dagy.io/v1", "kind": "SlugClaim", "metadata": {"name": slug.lower()}, "spec": spec}
        assert await rig.admin.create(CLAIMS, claim)
        await apply_again(rig, key)
        restored = await rig.settle(key, rig.reconciler().reconcile)
        artifact = restored["status"]["artifact"]
        assert restored["metadata"]["uid"] != package["metadata"]["uid"]
        assert restored["status"]["slug"] == slug
        assert (artifact["sha256"], artifact["builtAt"]) == (before["sha256"], before["builtAt"])
        assert rig.kubelet.jobs_seen == jobs, "nothing is resolved or built again"

    run(kubeconfig, objects, test)


def test_a_claim_from_another_cluster_is_taken_over(kubeconfig: str, objects: ObjectStore) -> None:
    """As docs/gitops.md says: claims first, without the UID of the namespace, then the packages, as Git has them."""

    async def test(rig: Rig) -> None:
        slug, key = new_slug(), NamespacedName(NAMESPACE, f"p-{uuid.uuid4().hex[:8]}")
        spec = {"slug": slug, "namespace": key.namespace, "name": key.name}
        there = {"apiVersion": "dagy.io/v1", "kind": "SlugClaim", "metadata": {"name": slug.lower()}, "spec": spec}
        assert await rig.admin.create(CLAIMS, there)
        await apply_again(rig, key)
        package = await rig.settle(key, rig.reconciler().reconcile)
        assert (package["status"]["slug"], package["status"]["phase"]) == (slug, "COMPLETED")
        bound = await rig.admin.get(f"{CLAIMS}/{slug.lower()}")
        assert bound
        assert bound["spec"]["namespaceUid"]

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
        key = await create(rig, suspend=True)
        await rig.reconciler(slug_limit=await rig.cluster().claims.count(NAMESPACE)).reconcile(key)
        package = await rig.package(key)
        assert package
        assert package["status"]["phase"] == "FAILED"
        assert "DAGY_SLUGS_PER_NAMESPACE" in package["status"]["message"]

    run(kubeconfig, objects, test)


class Counted(Claims):
    """Claims that note how often all of a namespace are listed."""

    counts = 0

    @override
    async def count(self, namespace: str) -> int:
        self.counts += 1
        return await super().count(namespace)


def test_thousands_of_new_packages_share_one_count_and_keep_its_limit(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        claims = Counted(rig.operator)
        used, new = await claims.count(NAMESPACE), [await create(rig, suspend=True) for _ in range(5)]
        slugs, homes = Slugs(claims, rig.store, used + 4), []
        for key in new:
            package = await rig.package(key)
            assert package
            homes.append(isinstance(await slugs.ensure_home(package), PackageHome))
        assert homes == [True, True, True, True, False]
        assert claims.counts == 1 + 1 + 1, "the test's own, one for all, and another one at the limit"

    run(kubeconfig, objects, test)


class Behind(Claims):
    """The claims of an API server whose lists are behind."""

    @override
    async def of(self, key: NamespacedName) -> list[Claim]:
        return []


def test_a_list_that_is_behind_leads_to_one_claim(kubeconfig: str, objects: ObjectStore) -> None:
    """It led to claim after claim, thousands of them, until the list caught up."""

    async def test(rig: Rig) -> None:
        key = await create(rig)
        package = await rig.package(key)
        home = await asyncio.wait_for(Slugs(Behind(rig.operator), rig.store).ensure_home(package or {}), 20)
        assert isinstance(home, PackageHome)
        assert [claim.slug for claim in await Claims(rig.operator).of(key)] == [home.slug]

    run(kubeconfig, objects, test)
