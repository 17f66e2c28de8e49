"""The result of a validation on its way through its log: large, cut, or heard from a pod that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest
from typing_extensions import override

from dagy.adapters.kube.api import KubeApi, KubeError, namespaced
from dagy.adapters.packages import cluster as cluster_module
from dagy.adapters.packages.cluster import Cluster
from dagy.core.outcomes.facts import PodFact
from dagy.core.outcomes.logs import StepLog
from dagy.core.outcomes.step_outcomes import Complete, Incomplete
from dagy_builder.contract import Step
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import Rig, create, run
from tests.fakes.kubelet import BUILDS
from tests.locks import lock_of, log_with, resolved

apiserver = pytest.mark.apiserver


@apiserver
def test_a_thousand_distributions(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        rig.kubelet.lock += lock_of(1_000)
        package = await rig.settle(await create(rig), rig.reconciler().reconcile)
        assert package["status"]["phase"] == "COMPLETED", "a build's pod was given the lock whole"
        log = objects.get(package["status"]["validation"]["logUri"].removeprefix("s3://dagy/"))
        assert log
        assert b"resolve: the log" in log
        assert b"dagy-result" not in log

    run(kubeconfig, objects, test)


@apiserver
def test_a_log_that_lost_its_beginning_is_a_failed_attempt(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key = await create(rig)
        rig.kubelet.lock += lock_of(1_000)
        rig.kubelet.cut_logs = 1
        operator = rig.reconciler()
        await operator.reconcile(key)
        while await rig.kubelet.step():
            await operator.reconcile(key)
        package = await rig.package(key)
        assert package
        assert "the log lacks 1." in package["status"]["message"]
        assert {c["type"]: c["reason"] for c in package["status"]["conditions"]}["Ready"] == "Retrying"
        done = await rig.settle(key, rig.reconciler(hours_ahead=1).reconcile)
        assert done["status"]["phase"] == "COMPLETED"
        (attempt,) = done["status"]["build"]["attempts"]
        assert (attempt["job"], attempt["number"], attempt["reason"]) == ("validate", 1, "ResultIncomplete")
        log = objects.get(attempt["logUri"].removeprefix("s3://dagy/"))
        assert log
        assert b"resolve: the log" in log

    run(kubeconfig, objects, test)


@apiserver
def test_a_pod_that_is_gone_after_it_was_heard_costs_nothing(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        rig.kubelet.late = True
        rig.kubelet.lock += lock_of(1_000)
        key = await create(rig)
        reconcile = rig.reconciler().reconcile
        await reconcile(key)
        while not rig.kubelet.reported:
            await rig.kubelet.step()
        (job,) = rig.kubelet.reported
        await rig.admin.request("DELETE", namespaced("pods", BUILDS, job), query={"gracePeriodSeconds": 0})
        rig.kubelet.logs.clear()
        package = await rig.settle(key, reconcile)
        assert package["status"]["phase"] == "COMPLETED"
        assert package["status"]["build"]["attempts"] == [], "the first one was enough"

    run(kubeconfig, objects, test)


@apiserver
def test_a_config_map_that_was_deleted_comes_back(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler()
        await operator.reconcile(key)
        ours = f"dagy.io/package-uid={(await rig.package(key) or {})['metadata']['uid']}"
        for _ in range(2):
            maps, _ = await rig.admin.list(namespaced("configmaps", BUILDS), labelSelector=ours)
            (name,) = (found["metadata"]["name"] for found in maps)
            await rig.admin.delete(namespaced("configmaps", BUILDS, name))
            await operator.reconcile(key)

    run(kubeconfig, objects, test)


class Pieces(KubeApi):
    """An API server whose logs come in these pieces; an error is raised; None never ends."""

    def __init__(self, *pieces: bytes | Exception | None) -> None:
        self.pieces, self.queries = pieces, list[Mapping[str, Any]]()

    @override
    async def stream(self, path: str, *, query: Mapping[str, Any], idle_seconds: float) -> AsyncGenerator[bytes, None]:
        self.queries.append(query)
        for piece in self.pieces:
            if isinstance(piece, Exception):
                raise piece
            if piece is None:
                await asyncio.Event().wait()
            yield piece or b""


def read(api: Pieces, pod: str = "p") -> StepLog:
    return asyncio.run(Cluster(api, "builds").log(PodFact(pod, "Succeeded", uid="uid"), Step.RESOLVE))


def test_a_log_is_read_whole() -> None:
    outcome = resolved(lock_of(1_000))
    data = log_with(outcome, "uid").encode()
    api = Pieces(*(data[start : start + 4_096] for start in range(0, len(data), 4_096)))
    log = read(api)
    assert log.result == Complete(outcome)
    assert log.text.encode() == data
    assert api.queries == [{"container": "resolve"}], "a limit of lines or bytes would cut it"


@pytest.mark.parametrize(
    ("api", "pod", "text", "why"),
    [
        (Pieces(KubeError(404, "NotFound", "gone")), "p", "(The pod is gone, and its log with it.)", "the pod is gone"),
        (Pieces(KubeError(400, "BadRequest", "waiting")), "p", "", "never started"),
        (Pieces(), "", "(The pod is gone, and its log with it.)", "the pod is gone"),
        (Pieces(b"a line\n", None), "p", "a line\n", "none of its parts"),
    ],
    ids=["gone", "never started", "gone before it was looked at", "endless"],
)
def test_a_log_that_is_not_there(api: Pieces, pod: str, text: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "_LOG_SECONDS", 0.05)
    log = read(api, pod)
    assert log.text == text
    assert isinstance(log.result, Incomplete)
    assert why in log.result.why


def test_the_log_of_a_pod_that_is_going_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its kubelet may hold the answer back until the last container has ended: three such logs took three minutes."""
    monkeypatch.setattr(cluster_module, "_LAST_LOG_SECONDS", 0.05)
    going = PodFact("p", "Running", uid="uid", deleting=True)
    reading = Cluster(Pieces(b"a line\n", None), "builds").log(going, Step.RESOLVE)
    assert asyncio.run(asyncio.wait_for(reading, 20)).text == "a line\n"
