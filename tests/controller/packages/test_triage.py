"""A start before finished packages: three lists show that nothing is to be done, and nothing that is is missed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from dagy.adapters.kube.api import deppackage_path, namespaced
from dagy.adapters.settings.operator import Settings
from dagy.controller.packages.wiring import Packages
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import NAMESPACE, Rig, annotate, run, status_of
from tests.fakes.dying_api import Api
from tests.fakes.kubelet import BUCKET, BUILDS
from tests.fakes.owners import CLAIMS, completed, write_status

pytestmark = pytest.mark.apiserver


async def started(rig: Rig) -> tuple[Api, Packages]:
    """Let a new operator start, until it has looked at everything; its requests, and itself."""
    api = Api(rig.operator)
    settings = Settings(s3_bucket=BUCKET, s3_prefix=rig.prefix, builder_image="builder:1", watch_namespaces=NAMESPACE)
    packages = Packages(api, rig.objects, settings, lambda: datetime.now(UTC))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(_run(packages))
        await asyncio.wait_for(packages.controller.synced.wait(), 60)
        running.cancel()
    return api, packages


async def left_behind(rig: Rig, uid: str, key: NamespacedName) -> None:
    """Make a Job of an earlier request."""
    labels = {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_PACKAGE_UID: uid,
        names.LABEL_JOB_KIND: "build",
        names.LABEL_INPUT_HASH: "0" * 16,
        names.LABEL_ATTEMPT: "1",
    }
    container = {"name": "upload", "image": "builder:1"}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"late-{key.name}",
            "labels": labels,
            "annotations": {names.ANNOTATION_PACKAGE: str(key)},
        },
        "spec": {"template": {"spec": {"containers": [container], "restartPolicy": "Never"}}},
    }
    assert await rig.admin.create(namespaced("jobs", BUILDS), job)


async def _run(packages: Packages) -> None:
    async with asyncio.TaskGroup() as group:
        packages.start(group)
        await asyncio.Event().wait()


def asked_about(api: Api, key: NamespacedName) -> bool:
    return deppackage_path(key.namespace, key.name) in api.reads


def test_a_finished_package_costs_no_request(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        rig, key, package = await completed(rig)
        api, packages = await started(rig)
        assert not asked_about(api, key)
        assert f"{CLAIMS}/{package['status']['slug'].lower()}" not in api.reads
        assert {sample.labels: sample.value for sample in packages.look()}["COMPLETED",] == 1

    run(kubeconfig, objects, test)


def test_a_zip_that_is_gone_is_found_all_the_same(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        rig, key, package = await completed(rig)
        _, packages = await started(rig)
        rig.objects.delete(package["status"]["s3Uri"].removeprefix(f"s3://{BUCKET}/"))
        await packages._checks.check_next()
        assert packages._checks.suspects(key)

    run(kubeconfig, objects, test)


@pytest.mark.parametrize("what", ["a request", "a Job", "no claim", "another's claim", "another status"])
def test_whatever_is_to_be_done_is_done(kubeconfig: str, objects: ObjectStore, what: str) -> None:
    async def test(rig: Rig) -> None:
        rig, key, package = await completed(rig)
        claim = f"{CLAIMS}/{package['status']['slug'].lower()}"
        match what:
            case "a request":
                await annotate(rig, key, build="again")
            case "a Job":  # of an operator that slept
                await left_behind(rig, package["metadata"]["uid"], key)
            case "no claim":
                await rig.admin.delete(claim)
            case "another's claim":
                found = await rig.admin.get(claim)
                assert found
                await rig.admin.delete(claim)
                found["metadata"] = {"name": found["metadata"]["name"]}
                found["spec"]["name"] = "somebody-else"
                await rig.admin.create(CLAIMS, found)
            case _:
                await write_status(rig, key, message="All is well.")
        api, _ = await started(rig)
        assert asked_about(api, key)
        if what == "a Job":
            assert await rig.admin.get(namespaced("jobs", BUILDS, f"late-{key.name}")) is None
        if what == "no claim":
            assert await rig.admin.get(claim)
        if what == "another status":
            assert (await status_of(rig, key))["message"] == package["status"]["message"]

    run(kubeconfig, objects, test)
