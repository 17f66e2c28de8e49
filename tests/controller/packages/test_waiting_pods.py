"""A Job without a pod ends, tells why, and frees its slot; what a package may not have starts none."""

from __future__ import annotations

from typing import Any

import pytest

from dagy.adapters.kube.api import namespaced
from dagy.model.base import NamespacedName
from dagy.model.status import JobKind
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import Rig, create, run
from tests.fakes.kubelet import BUILDS

pytestmark = pytest.mark.apiserver

QUOTA = "exceeded quota: walls, requested: pods=1, used: pods=0, limited: pods=0"


async def refuse_pods(rig: Rig, key: NamespacedName) -> dict[str, Any]:
    """The Event with which the Job controller tells that a quota keeps the pod from being made; the Job."""
    jobs, _ = await rig.admin.list(namespaced("jobs", BUILDS))
    (job,) = (job for job in jobs if job["metadata"]["annotations"]["dagy.io/package"] == str(key))
    event = {
        "metadata": {"name": f"{job['metadata']['name']}.1", "namespace": BUILDS},
        "involvedObject": {
            "apiVersion": "batch/v1", "kind": "Job", "namespace": BUILDS,
            "name": job["metadata"]["name"], "uid": job["metadata"]["uid"],
        },
        "reason": "FailedCreate",
        "type": "Warning",
        "message": f'Error creating: pods "{job["metadata"]["name"]}-x" is forbidden: {QUOTA}',
        "firstTimestamp": "2026-11-21T12:00:00Z",
        "lastTimestamp": "2026-11-21T12:00:00Z",
        "source": {"component": "job-controller"},
    }  # fmt: skip
    await rig.admin.create(namespaced("events", BUILDS), event)
    return job


def test_a_job_that_gets_no_pod_ends_with_the_cause_and_frees_its_slot(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key = await create(rig)
        await rig.reconciler().reconcile(key)
        job = await refuse_pods(rig, key)
        assert await rig.cluster().occupied_slots(JobKind.VALIDATE) == [key.namespace]

        await rig.reconciler(hours_ahead=0.01).reconcile(key)
        package = await rig.package(key)
        assert package
        assert package["status"]["phase"] == "VALIDATING"
        assert QUOTA in package["status"]["message"], "what it waits for is told before the end"

        await rig.reconciler(hours_ahead=302 / 3600).reconcile(key)
        package = await rig.package(key)
        assert package
        conditions = {c["type"]: c["reason"] for c in package["status"]["conditions"]}
        assert conditions["Ready"] == "PodNotCreated", "an administrator mends it, and until then it is tried again"
        assert QUOTA in package["status"]["message"]
        assert await rig.cluster().occupied_slots(JobKind.VALIDATE) == []
        ended = await rig.admin.get(namespaced("jobs", BUILDS, job["metadata"]["name"]))
        assert ended
        assert ended["spec"]["activeDeadlineSeconds"] == 0, "no pod comes later, when nobody expects it any more"

        done = await rig.settle(key, rig.reconciler(hours_ahead=0.2).reconcile)
        assert done["status"]["phase"] == "COMPLETED", "once the quota is mended it goes on by itself"
        assert [attempt["reason"] for attempt in done["status"]["build"]["attempts"]] == ["PodNotCreated"]

    run(kubeconfig, objects, test)


def test_until_it_is_mended_it_holds_no_slot_and_is_tried_ever_more_slowly(
    kubeconfig: str, objects: ObjectStore
) -> None:
    async def test(rig: Rig) -> None:
        key = await create(rig, build={"retries": 1})
        for hours in (0.0, 0.5, 1.0, 1.5):
            await rig.reconciler(hours_ahead=hours).reconcile(key)
        package = await rig.package(key)
        assert package
        assert package["status"]["phase"] == "VALIDATING"
        conditions = {c["type"]: c["status"] for c in package["status"]["conditions"]}
        assert (conditions["Stalled"], conditions["Settled"]) == ("False", "False")
        jobs, _ = await rig.admin.list(namespaced("jobs", BUILDS))
        mine = [job for job in jobs if job["metadata"]["annotations"]["dagy.io/package"] == str(key)]
        tries = sorted(mine, key=lambda job: int(job["metadata"]["name"].rsplit("-", 1)[-1]))
        assert len(tries) > 2, "more than spec.build.retries"
        ends = [job["spec"].get("activeDeadlineSeconds") for job in tries]
        assert ends == [0] * (len(tries) - 1) + [None], "one holds the slot at most"

    run(kubeconfig, objects, test)


def test_what_the_administrator_does_not_allow_starts_no_job(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key = await create(rig, build={"resources": {"requests": {"cpu": "900"}}})
        await rig.reconciler().reconcile(key)
        package = await rig.package(key)
        assert package
        assert package["status"]["phase"] == "FAILED"
        assert "requests.cpu is 900, and the administrator allows 16 at most" in package["status"]["message"]
        jobs, _ = await rig.admin.list(namespaced("jobs", BUILDS))
        assert not [job for job in jobs if job["metadata"]["annotations"]["dagy.io/package"] == str(key)]
        patch = {"spec": {"build": {"resources": {"requests": {"cpu": "1"}}}}}
        await rig.admin.merge(f"/apis/dagy.io/v1/namespaces/{key.namespace}/deppackages/{key.name}", patch)
        done = await rig.settle(key, rig.reconciler().reconcile)
        assert done["status"]["phase"] == "COMPLETED"

    run(kubeconfig, objects, test)
