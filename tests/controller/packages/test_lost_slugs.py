"""A slug whose claim somebody deletes: two operators bring it back at once, another package has it, it is given back."""

from __future__ import annotations

import pytest
from typing_extensions import override

from dagy.adapters.packages.claims import Claims
from dagy.controller.packages.slugs import Slugs
from dagy.core.common.keys import PackageHome
from dagy.core.common.slug import Claim, new_slug
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import NAMESPACE, Rig, annotate, condition, create, run, status_of
from tests.fakes.owners import CLAIMS, completed

pytestmark = pytest.mark.apiserver


async def lose(rig: Rig, slug: str) -> None:
    """Let somebody delete the slug's claim, and another package have it."""
    await rig.admin.delete(f"{CLAIMS}/{slug.lower()}")
    spec = {"slug": slug, "namespace": NAMESPACE, "name": "another"}
    body = {"apiVersion": "dagy.io/v1", "kind": "SlugClaim", "metadata": {"name": slug.lower()}, "spec": spec}
    assert await rig.admin.create(CLAIMS, body)


class Overtaken(Claims):
    """The claims of an operator that another one overtakes, each time just before it creates one."""

    @override
    async def create(self, slug: str, key: NamespacedName, namespace_uid: str) -> Claim | None:
        await super().create(slug, key, namespace_uid)
        return await super().create(slug, key, namespace_uid)


def test_two_operators_bring_one_deleted_claim_back(kubeconfig: str, objects: ObjectStore) -> None:
    """The second one said that another package had the slug, and let a package go without its objects in S3."""

    async def test(rig: Rig) -> None:
        rig, _, package = await completed(rig)
        slug, slugs = package["status"]["slug"], Slugs(Overtaken(rig.operator), rig.store)
        await rig.admin.delete(f"{CLAIMS}/{slug.lower()}")
        home = await slugs.ensure_home(package)
        assert isinstance(home, PackageHome), home
        assert home.slug == slug
        await rig.admin.delete(f"{CLAIMS}/{slug.lower()}")
        assert [home.slug for home in await slugs.homes(package)] == [slug]

    run(kubeconfig, objects, test)


def test_two_operators_claim_the_slug_that_is_asked_for(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        slug = new_slug()
        package = await rig.package(await create(rig, slug=slug))
        home = await Slugs(Overtaken(rig.operator), rig.store).ensure_home(package or {})
        assert isinstance(home, PackageHome), home
        assert home.slug == slug

    run(kubeconfig, objects, test)


def test_a_slug_that_is_given_back_brings_everything_back(kubeconfig: str, objects: ObjectStore) -> None:
    """The status of the time in between said that there was no lock, which nobody had looked for."""

    async def test(rig: Rig) -> None:
        key = await create(rig, buildPolicy="Manual")
        rig = rig.alone(key)
        await annotate(rig, key, build="1")
        package = await rig.settle(key, rig.reconciler().reconcile)
        slug, status, jobs = package["status"]["slug"], package["status"], set(rig.kubelet.jobs_seen)
        assert status["phase"] == "COMPLETED"
        await annotate(rig, key, build=None)  # as GitOps removes what is not in Git
        await lose(rig, slug)
        await rig.reconciler().reconcile(key)
        told = await status_of(rig, key)
        assert (told["phase"], told["lastHandledBuild"]) == ("FAILED", "1")
        await rig.admin.delete(f"{CLAIMS}/{slug.lower()}")
        back = await rig.settle(key, rig.reconciler().reconcile)
        assert back["status"]["phase"] == "COMPLETED"
        for name in ("slug", "artifact", "lockHash", "lastHandledBuild"):
            assert back["status"][name] == status[name], name
        assert rig.kubelet.jobs_seen == jobs, "nothing is resolved or built again"

    run(kubeconfig, objects, test)


def test_who_cancels_a_build_whose_slug_was_lost_ends_it_for_good(kubeconfig: str, objects: ObjectStore) -> None:
    """The request counted as handled, and the build went on when the package had its slug again."""

    async def test(rig: Rig) -> None:
        key = await create(rig)
        rig = rig.alone(key)
        while (package := await rig.package(key) or {}).get("status", {}).get("phase") not in ("QUEUED", "INSTALLING"):
            await rig.reconciler().reconcile(key)
            await rig.kubelet.step()
        slug = package["status"]["slug"]
        await lose(rig, slug)
        await rig.reconciler().reconcile(key)
        await annotate(rig, key, cancel="1")
        await rig.reconciler().reconcile(key)
        told = await status_of(rig, key)
        assert (told["phase"], told["lastHandledCancel"]) == ("FAILED", "1")
        await rig.admin.delete(f"{CLAIMS}/{slug.lower()}")
        status = (await rig.settle(key, rig.reconciler().reconcile))["status"]
        assert status["slug"] == slug
        assert condition(status, "Ready") == ("False", "Cancelled")

    run(kubeconfig, objects, test)
