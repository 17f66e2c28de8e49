"""The reconciler on a real API server and a real S3 server; only the kubelet is played, by `Kubelet`.

There is no Job controller either in this tier, so that the test decides when a pod appears and how it ends.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
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
from dagy.adapters.settings.operator import Settings
from dagy.controller.engine.controller import Controller
from dagy.controller.engine.queue import WorkQueue
from dagy.controller.packages.artifact_checks import ArtifactChecks
from dagy.controller.packages.limiter import ConcurrencyLimiter
from dagy.controller.packages.reconcile import PackageReconciler
from dagy.controller.packages.slugs import Slugs
from dagy.core.common.keys import Location
from dagy.core.common.timestamp import timestamp
from dagy.core.outcomes.facts import STEPS, JobKind, PodFact
from dagy.core.outcomes.logs import LogReader, StepLog
from dagy.core.package.queue import Limits
from dagy.model.base import NamespacedName
from dagy_builder import keys
from dagy_builder.contract import Artifact, BuildRequest, Step, StepOutcome
from dagy_builder.log_frames import framed
from dagy_builder.packed_lock import LOCK_FILE, pack, unpack
from dagy_builder.steps.outcome import clipped
from dagy_builder.storage.store import ObjectStore
from tests.fakes.connections import connect, connect_operator

BUILDS, NAMESPACE, BUCKET = "dagy-builds", "team-a", "dagy"
YANKED = '`idna==3.0` is yanked (reason: "broken")'
LOCK = 'lock-version = "1.0"\n'


class ClusterWithoutKubelet(Cluster):
    """Logs come from a table: no kubelet, no logs."""

    logs: dict[tuple[str, str], str]

    @override
    async def log(self, pod: PodFact, step: Step) -> StepLog:
        reader = LogReader(pod.uid, step)
        reader.feed(self.logs.get((pod.name, step), "").encode())
        return reader.end()


class Kubelet:
    """Makes pods for Jobs and lets their containers end; plays the builder's upload, too."""

    def __init__(self, api: KubeApi, objects: ObjectStore, only: NamespacedName | None = None) -> None:
        self._api, self._objects, self._only = api, objects, only
        # Packages that share a lock are copied from each other.
        self.lock = f"{LOCK}# {uuid.uuid4()}\n"
        self.logs: dict[tuple[str, str], str] = {}
        self.jobs_seen: set[str] = set()
        self.late = False
        """Whether it does not notice any more that last steps end; who follows their logs knows it (`reported`)."""
        self.reported: dict[str, StepOutcome] = {}
        self.cut_logs = 0
        """How many validations end well with a log whose beginning is lost."""

    async def step(self, failure: StepOutcome | None = None) -> bool:
        """Let the first live Job do its next step. False when there is nothing to do."""
        everything, _ = await self._api.list(namespaced("jobs", BUILDS))
        jobs = [job for job in everything if self._mine(job)]
        await self._collect_garbage({job["metadata"]["uid"] for job in jobs})
        self.jobs_seen |= {job["metadata"]["uid"] for job in jobs}
        for job in sorted(jobs, key=lambda job: str(job["metadata"]["name"])):
            if job["spec"].get("suspend"):
                continue
            if await self._advance(job, failure):
                return True
        return False

    def _mine(self, item: dict[str, Any]) -> bool:
        return self._only is None or item["metadata"].get("annotations", {}).get("dagy.io/package") == str(self._only)

    async def _collect_garbage(self, jobs: set[str]) -> None:
        """Delete what belonged to Jobs that are gone, as the garbage collector would."""
        for kind in ("pods", "configmaps", "secrets"):
            items, _ = await self._api.list(namespaced(kind, BUILDS), labelSelector="dagy.io/job")
            for item in filter(self._mine, items):
                if item["metadata"]["ownerReferences"][0]["uid"] not in jobs:
                    path = namespaced(kind, BUILDS, item["metadata"]["name"])
                    await self._api.request("DELETE", path, query={"gracePeriodSeconds": 0})

    async def _advance(self, job: dict[str, Any], failure: StepOutcome | None) -> bool:
        name, kind = job["metadata"]["name"], JobKind(job["metadata"]["labels"]["dagy.io/job"])
        pod = await self._api.get(namespaced("pods", BUILDS, name))
        if pod is None:
            labels = {**job["spec"]["template"]["metadata"]["labels"], "job-name": name}
            spec = {**job["spec"]["template"]["spec"], "serviceAccountName": "default"}
            owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job["metadata"]["uid"]}
            metadata = {
                "name": name,
                "labels": labels,
                "annotations": job["metadata"]["annotations"],
                "ownerReferences": [owner],
            }
            await self._api.create(namespaced("pods", BUILDS), {"metadata": metadata, "spec": spec})
            pod = await self._api.get(namespaced("pods", BUILDS, name))
            assert pod
        statuses = pod["status"].get("containerStatuses", [])
        done = [s for s in statuses if "terminated" in s["state"]]
        steps = STEPS[kind]
        if len(done) == len(steps) or any(s["state"]["terminated"]["exitCode"] for s in done):
            return False
        if len(statuses) == len(done):
            await self._report(name, [*done, {"name": steps[len(done)], "state": {"running": {}}}], "Running")
            return True
        if name in self.reported:
            return False
        outcome = failure or await self._succeed(job, steps[len(done)])
        told = framed(outcome.to_text(), pod["metadata"]["uid"])
        if self.cut_logs and outcome.ok and outcome.step == Step.RESOLVE:
            self.cut_logs -= 1
            told = told[1:]
        self.logs[name, outcome.step] = "\n".join([f"{outcome.step}: the log", *told, ""])
        if self.late and outcome.step is steps[-1]:
            self.reported[name] = outcome
            return True
        ended = {
            "exitCode": 0 if outcome.ok else 65,
            "message": clipped(outcome),
            "finishedAt": timestamp(datetime.now(UTC), micro=False),
        }
        phase = "Running" if outcome.ok and len(done) + 1 < len(steps) else "Succeeded" if outcome.ok else "Failed"
        await self._report(name, [*done, {"name": outcome.step, "state": {"terminated": ended}}], phase)
        return True

    async def _succeed(self, job: dict[str, Any], step: Step) -> StepOutcome:
        if step is Step.RESOLVE:
            packed = base64.b64encode(pack(self.lock)).decode()
            lock_hash = hashlib.sha256(self.lock.encode()).hexdigest()
            return StepOutcome(step, ok=True, result={"lock": packed, "lockHash": lock_hash, "warnings": [YANKED, 7]})
        if step is Step.UPLOAD:
            config_map = await self._api.get(namespaced("configmaps", BUILDS, job["metadata"]["name"]))
            assert config_map, "the kubelet waits for the ConfigMap"
            request = BuildRequest.from_json(json.loads(config_map["data"]["request.json"]))
            assert unpack(base64.b64decode(config_map["binaryData"][LOCK_FILE])) == self.lock
            self._upload(request)
        return StepOutcome(step, ok=True)

    def _upload(self, request: BuildRequest) -> None:
        build = keys.BuildKeys.of(request.key_prefix, request)
        key = build.artifact(request.build_token, request.attempt)
        data = f"the ZIP {key}".encode()
        sha256 = hashlib.sha256(data).hexdigest()
        lock_key = keys.sidecar_key(key, "pylock.toml")
        self._objects.put(key, data, "application/zip")
        self._objects.put(lock_key, self.lock.encode(), "application/toml")
        artifact = Artifact(
            uri=keys.uri(BUCKET, key), sha256=sha256, content_sha256="cd" * 32, size_bytes=len(data),
            uncompressed_bytes=9, file_count=1, package_count=1, python_version=request.python_version,
            architecture=request.architecture, glibc=request.glibc, lock_hash=request.lock_hash,
            built_at="2026-11-21T12:00:00Z", zip_importable=True, lock_uri=keys.uri(BUCKET, lock_key),
            compression=request.compression,
        )  # fmt: skip
        asked = {"buildToken": request.build_token, "sourceDistributions": request.source_distributions}
        record = {**artifact.to_json(), **asked}
        self._objects.put(build.record, json.dumps(record).encode(), "application/json")

    async def _report(self, pod: str, statuses: list[dict[str, Any]], phase: str) -> None:
        filled = [{"image": "i", "imageID": "i", "ready": False, "restartCount": 0, **s} for s in statuses]
        status = {"status": {"phase": phase, "containerStatuses": filled}}
        await self._api.merge(namespaced("pods", BUILDS, pod, "status"), status)


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
        """What the operator keeps in S3."""
        return ArtifactStore(self.objects, Location(BUCKET, self.prefix))

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
    ) -> Controller:
        """A new operator process: it knows nothing, and its clock may be ahead."""
        cluster, ahead = self.cluster(api), timedelta(hours=hours_ahead)
        limits = {kind: Limits(1000, 1000) for kind in JobKind}
        store = store or self.store
        limiter = ConcurrencyLimiter(cluster, limits, lambda _key: None)
        limiter.open()
        settings = Settings(s3_bucket=BUCKET, builder_image="builder:1").job_settings()
        checks = checks or ArtifactChecks(store, lambda _key: None)
        slugs = Slugs(cluster.claims, store, slug_limit)
        reconciler = PackageReconciler(cluster, store, slugs, limiter=limiter, checks=checks, settings=settings)
        return Controller(
            "packages", cluster.packages, reconciler, WorkQueue(), clock=lambda: datetime.now(UTC) + ahead
        )

    async def package(self, key: NamespacedName) -> dict[str, Any] | None:
        """The package now."""
        return await self.admin.get(deppackage_path(key.namespace, key.name))

    async def settle(self, key: NamespacedName, look: Callable[[NamespacedName], Awaitable[Any]]) -> dict[str, Any]:
        """Look and step until nothing changes any more; the package then."""
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
