"""The reconciler on a real API server and a real S3 server; only the kubelet is played, by `Kubelet`.

There is no Job controller either in this tier, so that the test decides the start and the end of each pod.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from typing_extensions import override

from dagy.adapters.kube.api import KubeApi, deppackage_path, namespaced
from dagy.adapters.packages.artifact_store import ArtifactStore
from dagy.adapters.packages.cluster import Cluster
from dagy.adapters.packages.images import ImageRegistry
from dagy.adapters.settings.operator import Settings
from dagy.controller.engine.controller import Controller
from dagy.controller.engine.queue import WorkQueue
from dagy.controller.packages.artifact_checks import ArtifactChecks
from dagy.controller.packages.limiter import ConcurrencyLimiter
from dagy.controller.packages.reconcile import PackageReconciler
from dagy.controller.packages.slugs import Slugs
from dagy.core.common.keys import Location
from dagy.core.metrics.catalogue import ControllerName
from dagy.core.metrics.metric import Recorder, unrecorded
from dagy.core.outcomes.facts import PodFact
from dagy.core.outcomes.logs import LogReader, StepLog
from dagy.core.package.queue import Limits
from dagy.model.base import NamespacedName
from dagy.model.status import JobKind
from dagy_builder.contract import Step
from dagy_builder.storage.store import ObjectStore
from tests.fakes.connections import connect, connect_operator
from tests.fakes.kubelet import BUCKET, BUILDS, Kubelet

NAMESPACE = "team-a"


class ClusterWithoutKubelet(Cluster):
    """Logs come from a table: no kubelet, no logs."""

    logs: dict[tuple[str, str], str]

    @override
    async def log(self, pod: PodFact, step: Step) -> StepLog:
        reader = LogReader(pod.uid, step)
        reader.feed(self.logs.get((pod.name, step), "").encode())
        return reader.end()


@dataclass
class Rig:
    """One namespace's package, the operator's parts, and the kubelet."""

    admin: KubeApi
    operator: KubeApi
    """With the operator's own account."""
    kubelet: Kubelet
    objects: ObjectStore
    prefix: str

    def alone(self, key: NamespacedName) -> Rig:
        """The same with a kubelet that serves this package only, so that many can be tested side by side."""
        return replace(self, kubelet=Kubelet(self.admin, self.objects, key))

    @property
    def store(self) -> ArtifactStore:
        """The operator's objects in S3."""
        return ArtifactStore(self.objects, Location(BUCKET, self.prefix))

    def store_with(self, registry: str, images: ImageRegistry | None = None) -> ArtifactStore:
        """The same beside a registry."""
        return ArtifactStore(self.objects, Location(BUCKET, self.prefix, registry), images)

    def cluster(self, api: KubeApi | None = None) -> Cluster:
        """The cluster as the operator sees it."""
        cluster = ClusterWithoutKubelet(api or self.operator, BUILDS, self.kubelet.reported)
        cluster.logs = self.kubelet.logs
        return cluster

    def reconciler(
        self,
        api: KubeApi | None = None,
        *,
        hours_ahead: float = 0,
        checks: ArtifactChecks | None = None,
        store: ArtifactStore | None = None,
        slug_limit: int = 10_000,
        registry: str = "",
        queue: str = "",
        record: Recorder = unrecorded,
    ) -> Controller:
        """A new operator process: it knows nothing, and its clock may be ahead."""
        cluster, ahead = self.cluster(api), timedelta(hours=hours_ahead)
        limits = {kind: Limits(1000, 1000) for kind in JobKind}
        store = store or (self.store_with(registry) if registry else self.store)
        limiter = ConcurrencyLimiter(cluster, limits, lambda _key: None, record)
        limiter.open()
        given = {"s3_bucket": BUCKET, "builder_image": "builder:1", "oci_repository": registry, "queue_name": queue}
        settings = Settings(**given).job_settings()
        checks = checks or ArtifactChecks(store, lambda _key: None)
        slugs = Slugs(cluster.claims, store, slug_limit)
        reconciler = PackageReconciler(
            cluster, store, slugs, limiter=limiter, checks=checks, settings=settings, record=record
        )
        return Controller(
            ControllerName.PACKAGES, cluster.packages, reconciler, WorkQueue(), clock=lambda: datetime.now(UTC) + ahead
        )

    async def package(self, key: NamespacedName) -> dict[str, Any] | None:
        """The package now."""
        return await self.admin.get(deppackage_path(key.namespace, key.name))

    async def settle(self, key: NamespacedName, look: Callable[[NamespacedName], Awaitable[Any]]) -> dict[str, Any]:
        """Look and step until nothing changes any more. Return the package then."""
        for _ in range(40):
            await look(key)
            if not await self.kubelet.step():
                await look(key)
                package = await self.package(key)
                assert package
                if any(
                    c["type"] == "Settled" and c["status"] == "True" for c in package["status"].get("conditions", [])
                ):
                    return package
        raise AssertionError(json.dumps(await self.package(key), indent=1))


@asynccontextmanager
async def open_rig(kubeconfig: str, objects: ObjectStore) -> AsyncIterator[Rig]:
    """A clean build namespace."""
    admin = await connect(kubeconfig)
    operator = await connect_operator(kubeconfig, admin)
    try:
        yield Rig(admin, operator, Kubelet(admin, objects), objects, uuid.uuid4().hex[:8])
    finally:
        for kind in ("jobs", "pods", "configmaps", "secrets"):
            await admin.request(
                "DELETE", namespaced(kind, BUILDS), query={"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
            )
        await operator.close()
        await admin.close()


async def create(rig: Rig, **spec: Any) -> NamespacedName:
    """A new package."""
    key = NamespacedName(NAMESPACE, f"p-{uuid.uuid4().hex[:8]}")
    body = {
        "apiVersion": "dagy.io/v1",
        "kind": "DepPackage",
        "metadata": {"name": key.name},
        "spec": {"pythonVersion": "3.12", "dependencies": ["pandas", "requests"], **spec},
    }
    await rig.admin.create(deppackage_path(NAMESPACE, "").rstrip("/"), body)
    return key


def run(kubeconfig: str, objects: ObjectStore, test: Callable[[Rig], Awaitable[None]]) -> None:
    """Run a test with a rig of its own."""

    async def whole() -> None:
        async with open_rig(kubeconfig, objects) as prepared:
            await test(prepared)

    asyncio.run(whole())


async def erase_status(api: KubeApi, path: str) -> None:
    """Remove the status of the object at that path."""
    body = [{"op": "remove", "path": "/status"}]
    await api.request("PATCH", f"{path}/status", body=body, content_type="application/json-patch+json")


async def status_of(rig: Rig, key: NamespacedName) -> dict[str, Any]:
    """Return the status of the package, which is there."""
    package = await rig.package(key)
    assert package
    return dict(package["status"])


def condition(status: dict[str, Any], kind: str) -> tuple[str, str]:
    """Return status and reason of a condition."""
    return next((c["status"], c["reason"]) for c in status["conditions"] if c["type"] == kind)


async def annotate(rig: Rig, key: NamespacedName, **requests: str | None) -> None:
    """Request something; None takes a request back."""
    annotations = {f"dagy.io/{name}": value for name, value in requests.items()}
    await rig.admin.merge(deppackage_path(key.namespace, key.name), {"metadata": {"annotations": annotations}})
