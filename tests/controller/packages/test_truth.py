"""What is refused, deleted or relabelled by others: nothing stops for it that could go on, nothing loops, all is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typing_extensions import override

from dagy.adapters.kube.api import KubeApi, KubeError, namespaced
from dagy.model.base import NamespacedName
from dagy_builder.contract import Fault, Reason, Step, StepOutcome
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import Rig, annotate, condition, create, run, status_of
from tests.fakes.dying_api import WRITES
from tests.fakes.kubelet import BUILDS

pytestmark = pytest.mark.apiserver

BROKEN = StepOutcome(
    Step.RESOLVE, ok=False, reason=Reason.UV_MISSING, message="uv is missing.", fault=Fault.ADMINISTRATOR
)


class Refusing(KubeApi):
    """The API, on which some writes are refused as an admission policy or a quota would."""

    def __init__(self, inner: KubeApi, *parts: str) -> None:
        super().__init__(inner._client, token=inner._token, manager=inner._manager)
        self.parts = list(parts)
        self.requests: list[str] = []

    @override
    async def request(self, method: str, path: str, **options: Any) -> bytes:
        self.requests.append(f"{method} {path}")
        if method in WRITES and any(path.endswith(part) for part in self.parts):
            raise KubeError(403, "Forbidden", "exceeded quota: none, requested: 1, used: 0, limited: 0")
        return await super().request(method, path, **options)

    def count(self, word: str) -> int:
        """How many of the requests so far contain the word."""
        return sum(word in request for request in self.requests)


async def look(operator: Any, key: NamespacedName) -> float | None:
    """A pass; one that fails is the queue's to repeat."""
    try:
        found: float | None = await operator.reconcile(key)
    except KubeError:
        return None
    return found


def test_events_that_are_refused_stop_nothing(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        api = Refusing(rig.operator, "/events")
        key = await create(rig)
        done = await rig.settle(key, rig.reconciler(api).reconcile)
        assert done["status"]["phase"] == "COMPLETED"
        assert api.count("/events")

    run(kubeconfig, objects, test)


def test_a_status_that_is_refused_does_not_keep_the_job_from_starting(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        api = Refusing(rig.operator, "/status")
        key, operator = await create(rig), rig.reconciler(api)
        with pytest.raises(KubeError):
            await operator.reconcile(key)
        assert len((await rig.admin.list(namespaced("jobs", BUILDS)))[0]) == 1
        api.parts.clear()
        assert (await rig.settle(key, operator.reconcile))["status"]["phase"] == "COMPLETED"

    run(kubeconfig, objects, test)


@pytest.mark.parametrize("what", ["/jobs", "/configmaps"])
def test_a_quota_is_told_once_and_then_it_goes_on(kubeconfig: str, objects: ObjectStore, what: str) -> None:
    async def test(rig: Rig) -> None:
        api = Refusing(rig.operator, what)
        key, operator = await create(rig), rig.reconciler(api)
        await look(operator, key)
        first = await rig.package(key)
        assert first
        status, events = first["status"], api.count("/events")
        assert condition(status, "Ready") == ("False", "ApiServerRefused")
        assert condition(status, "Settled")[0] == condition(status, "Stalled")[0] == "False"
        assert "exceeded quota" in status["message"]
        assert status["message"].endswith("It is tried again by itself.")
        for _ in range(3):
            await look(operator, key)
        again = await rig.package(key)
        assert again
        assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
        assert api.count("/events") == events == 1
        api.parts.clear()
        assert (await rig.settle(key, operator.reconcile))["status"]["phase"] == "COMPLETED"

    run(kubeconfig, objects, test)


def test_a_build_is_requested_after_a_cancelled_validation(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler()
        await annotate(rig, key, cancel="1")
        status = (await rig.settle(key, operator.reconcile))["status"]
        assert condition(status, "Ready") == ("False", "Cancelled")
        assert "request a build" in status["message"]
        await annotate(rig, key, build="1")
        status = (await rig.settle(key, operator.reconcile))["status"]
        assert (status["phase"], status["lastHandledBuild"]) == ("COMPLETED", "1")

    run(kubeconfig, objects, test)


def test_a_mended_installation_goes_on_by_itself(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler()
        await operator.reconcile(key)
        await rig.kubelet.step()
        await rig.kubelet.step(BROKEN)
        again = await operator.reconcile(key)
        status = await status_of(rig, key)
        assert condition(status, "Ready") == ("False", "UvMissing")
        assert condition(status, "Settled")[0] == condition(status, "Stalled")[0] == "False"
        assert "by itself" in status["message"]
        assert again
        done = await rig.settle(key, rig.reconciler(hours_ahead=1).reconcile)
        assert done["status"]["phase"] == "COMPLETED"

    run(kubeconfig, objects, test)


def test_a_config_map_that_is_deleted_before_the_pod_starts_comes_back(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler()
        assert (await operator.reconcile(key) or 99) <= 15
        [job] = (await rig.admin.list(namespaced("jobs", BUILDS)))[0]
        path = namespaced("configmaps", BUILDS, job["metadata"]["name"])
        before = await rig.admin.get(path)
        assert before
        await rig.admin.delete(path)
        await operator.reconcile(key)
        after = await rig.admin.get(path)
        assert after
        assert json.loads(after["data"]["request.json"]) == json.loads(before["data"]["request.json"])

    run(kubeconfig, objects, test)


@pytest.mark.parametrize("label", ["app.kubernetes.io/managed-by", "dagy.io/package-uid"])
def test_a_job_that_lost_a_label_is_found_again(kubeconfig: str, objects: ObjectStore, label: str) -> None:
    async def test(rig: Rig) -> None:
        api = Refusing(rig.operator)
        key, operator = await create(rig), rig.reconciler(api)
        await operator.reconcile(key)
        [job] = (await rig.admin.list(namespaced("jobs", BUILDS)))[0]
        path = namespaced("jobs", BUILDS, job["metadata"]["name"])
        await rig.admin.merge(path, {"metadata": {"labels": {label: None}}})
        await operator.reconcile(key)
        back = await rig.admin.get(path)
        assert back
        assert back["metadata"]["uid"] == job["metadata"]["uid"]
        assert back["metadata"]["labels"] == job["metadata"]["labels"]
        assert (await rig.settle(key, operator.reconcile))["status"]["phase"] == "COMPLETED"

    run(kubeconfig, objects, test)


def test_somebody_elses_job_of_that_name_is_told_and_not_asked_for_again_and_again(
    kubeconfig: str, objects: ObjectStore
) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler()
        await operator.reconcile(key)
        [job] = (await rig.admin.list(namespaced("jobs", BUILDS)))[0]
        path = namespaced("jobs", BUILDS, job["metadata"]["name"])
        theirs = {"labels": {"dagy.io/package-uid": "another"}, "annotations": {"dagy.io/package": "team-b/other"}}
        await rig.admin.merge(path, {"metadata": theirs})
        with pytest.raises(KubeError) as taken:  # which the queue repeats with growing delays
            await operator.reconcile(key)
        assert taken.value.is_taken
        status = await status_of(rig, key)
        assert condition(status, "Ready")[1] == "ApiServerRefused"
        assert job["metadata"]["name"] in status["message"]
        assert "Delete it." in status["message"]

    run(kubeconfig, objects, test)


def test_conflicts_that_do_not_end_are_met_more_and_more_slowly(kubeconfig: str, objects: ObjectStore) -> None:
    class Conflicting(Refusing):
        @override
        async def request(self, method: str, path: str, **options: Any) -> bytes:
            if method in WRITES and path.endswith("/status"):
                raise KubeError(409, "Conflict", "somebody was faster")
            return await super().request(method, path, **options)

    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler(Conflicting(rig.operator))
        delays = [await operator.reconcile(key) or 0.0 for _ in range(6)]
        assert delays == sorted(delays)
        assert delays[0] < 1 < delays[-1]

    run(kubeconfig, objects, test)
