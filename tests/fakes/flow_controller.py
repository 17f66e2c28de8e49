"""FlowDeployments on a real API server and a real S3 server. Packages come ready made; Jobs end as the test says."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dagy.adapters.kube.api import KubeApi, deppackage_path, flowdeployment_path, namespaced
from dagy.adapters.settings.operator import Settings
from dagy.controller.engine.controller import Controller
from dagy.controller.flows.wiring import Flows
from dagy.core.common.slug import new_slug
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore
from tests.fakes.connections import connect, connect_operator
from tests.fakes.kubelet import BUCKET

Json = dict[str, Any]
CODE = b"the flow's code, as far as S3 is concerned"


@dataclass
class Package:
    """A DepPackage that was built."""

    key: NamespacedName
    slug: str
    sha256: str = ""

    @property
    def pin(self) -> str:
        """The form in which annotations name its artifact."""
        return f"{self.slug}@{self.sha256}"


@dataclass
class FlowRig:
    """One namespace, and the part of the operator that serves flows."""

    admin: KubeApi
    operator: KubeApi
    """With the operator's own account."""
    objects: ObjectStore
    prefix: str
    namespace: str
    woken: list[NamespacedName] = field(default_factory=list)

    def reconciler(self, api: KubeApi | None = None) -> Controller:
        """A new operator process: it knows nothing."""
        return self.flows(api).controller

    def flows(self, api: KubeApi | None = None) -> Flows:
        """Return the part of a new operator process that serves flows: its controller, and its handlers of changes."""
        settings = Settings(s3_bucket=BUCKET, s3_prefix=self.prefix, builder_image="builder:1")
        return Flows(api or self.operator, self.objects, settings, self.woken.append, lambda: datetime.now(UTC))

    async def package(
        self,
        *,
        phase: str = "COMPLETED",
        python: str = "3.12",
        versions: dict[str, str] | None = None,
        files: dict[str, str] | None = None,
        namespace: str = "",
    ) -> Package:
        """Create a package with its claim, its status, and the objects beside its ZIP."""
        package = Package(NamespacedName(namespace or self.namespace, f"p-{uuid.uuid4().hex[:6]}"), new_slug())
        body = {
            "apiVersion": "dagy.io/v1",
            "kind": "DepPackage",
            "metadata": {"name": package.key.name},
            "spec": {"pythonVersion": python, "dependencies": ["idna"]},
        }
        await self.admin.create(deppackage_path(package.key.namespace, "").rstrip("/"), body)
        claim = {
            "apiVersion": "dagy.io/v1",
            "kind": "SlugClaim",
            "metadata": {"name": package.slug.lower()},
            "spec": {"slug": package.slug, "namespace": package.key.namespace, "name": package.key.name},
        }
        await self.admin.create("/apis/dagy.io/v1/slugclaims", claim)
        await self.build(package, phase=phase, python=python, versions=versions, files=files)
        return package

    async def build(
        self,
        package: Package,
        *,
        phase: str = "COMPLETED",
        python: str = "3.12",
        versions: dict[str, str] | None = None,
        files: dict[str, str] | None = None,
        forget: bool = False,
    ) -> None:
        """Give the package a new artifact, and keep the one before in history unless it is to be forgotten."""
        package.sha256 = hashlib.sha256(uuid.uuid4().bytes).hexdigest()
        path = deppackage_path(package.key.namespace, package.key.name)
        present = await self.admin.get(path)
        assert present
        folder = f"{self.prefix}/{package.key.namespace}/{package.slug}/{present['metadata']['uid']}"
        base = f"s3://{BUCKET}/{folder}/{'0' * 16}-cp312-manylinux_2_28_x86_64-{package.sha256[:16]}"
        lock = "".join(
            f'[[packages]]\nname = "{n}"\nversion = "{v}"\n' for n, v in (versions or {"idna": "3.10"}).items()
        )
        listing = "".join(f"644 {sha} {path}\n" for path, sha in sorted((files or {package.slug: "0" * 64}).items()))
        self.objects.put(f"{base}.pylock.toml".removeprefix(f"s3://{BUCKET}/"), lock.encode(), "text/plain")
        self.objects.put(
            f"{base}.contents.txt.gz".removeprefix(f"s3://{BUCKET}/"), gzip.compress(listing.encode()), "text/plain"
        )
        artifact = {
            "uri": f"{base}.zip", "sha256": package.sha256, "contentSha256": "0" * 64, "sizeBytes": 10, "uncompressedBytes": 10,
            "fileCount": 1, "packageCount": 1, "pythonVersion": python, "architecture": "amd64", "glibc": "2.28",
            "zipImportable": True, "lockHash": "0" * 64, "lockUri": f"{base}.pylock.toml", "builtAt": "2026-11-21T12:00:00Z",
            "contentsUri": f"{base}.contents.txt.gz",
        }  # fmt: skip
        status = present.get("status", {})
        before = [status["artifact"]] if "artifact" in status else []
        history = [] if forget else [*before, *status.get("history", [])]
        done = phase == "COMPLETED"
        status = {
            "observedGeneration": present["metadata"]["generation"], "slug": package.slug, "phase": phase, "message": f"The package is {phase}.",
            "artifact": artifact if done else None, "history": history, "conditions": [settled(phase)],
        }  # fmt: skip
        await self.admin.merge(f"{path}/status", {"status": status})

    def upload(self, deployment: str, code: bytes = CODE) -> Json:
        """Upload a flow's code; return spec.artifact."""
        return uploaded(self.objects, f"{self.prefix}/{self.namespace}/flows/{deployment}", code)

    async def deploy(self, *packages: Package | str, name: str = "", **spec: Any) -> NamespacedName:
        """Create a FlowDeployment, or change the one of that name."""
        key = NamespacedName(self.namespace, name or f"f-{uuid.uuid4().hex[:6]}")
        slugs = [p if isinstance(p, str) else p.slug for p in packages]
        spec = {"flowName": "daily_etl", "flowVersion": "1", "depPackageSlugs": slugs, **spec}
        if "artifact" not in spec:
            spec["artifact"] = self.upload(key.name)
        body = {"apiVersion": "dagy.io/v1", "kind": "FlowDeployment", "metadata": {"name": key.name}, "spec": spec}
        if await self.admin.create(flowdeployment_path(self.namespace), body) is None:
            await self.admin.merge(flowdeployment_path(key.namespace, key.name), {"spec": spec})
        return key

    async def annotate(self, key: NamespacedName, **annotations: str | None) -> None:
        """Set annotations dagy.io/<name> of a deployment."""
        fields = {f"dagy.io/{name}": value for name, value in annotations.items()}
        await self.admin.merge(flowdeployment_path(key.namespace, key.name), {"metadata": {"annotations": fields}})

    async def flow(self, key: NamespacedName) -> Json:
        """The deployment now."""
        found = await self.admin.get(flowdeployment_path(key.namespace, key.name))
        assert found
        return found

    async def look(self, key: NamespacedName) -> Json:
        """Make one pass of a new operator. Return the deployment then."""
        await self.reconciler().reconcile(key)
        return await self.flow(key)

    async def list(self, resource: str) -> list[Json]:
        """All objects of a built-in kind in the namespace."""
        return (await self.admin.list(namespaced(resource, self.namespace)))[0]

    async def end(self, job: str, *, ok: bool = True) -> None:
        """Let a run end."""
        now = "2026-11-21T12:00:00Z"
        kinds = ["SuccessCriteriaMet", "Complete"] if ok else ["FailureTarget", "Failed"]
        conditions = [
            {
                "type": kind,
                "status": "True",
                "lastTransitionTime": now,
                "lastProbeTime": now,
                "reason": "Test",
                "message": "-",
            }
            for kind in kinds
        ]
        times = {"startTime": now, **({"completionTime": now, "succeeded": 1} if ok else {"failed": 1})}
        path = namespaced("jobs", self.namespace, job, "status")
        await self.admin.merge(path, {"status": {"conditions": conditions, **times}})


def uploaded(objects: ObjectStore, folder: str, code: bytes = CODE) -> Json:
    """Upload a flow's code to that folder; return spec.artifact."""
    sha256 = hashlib.sha256(code).hexdigest()
    key = f"{folder}/{sha256}.zip"
    objects.put(key, code, "application/zip")
    return {"uri": f"s3://{BUCKET}/{key}", "sha256": sha256, "sizeBytes": len(code)}


def settled(phase: str) -> Json:
    """The package's condition Settled."""
    return {
        "type": "Settled",
        "status": "True" if phase in ("COMPLETED", "FAILED", "INVALID") else "False",
        "reason": "Test",
        "message": "",
        "lastTransitionTime": "2026-11-21T12:00:00Z",
    }


def ready(obj: Json) -> tuple[str, str]:
    """Status and reason of the condition Ready."""
    return next((c["status"], c["reason"]) for c in obj["status"]["conditions"] if c["type"] == "Ready")


def true_conditions(obj: Json) -> set[str]:
    """The conditions that are True."""
    return {c["type"] for c in obj["status"]["conditions"] if c["status"] == "True"}


def annotations_of(template: Json) -> Json:
    """Annotations of a Job's (or jobTemplate's) pods, the flow's code read."""
    found = dict(template["spec"]["template"]["metadata"]["annotations"])
    return {**found, "dagy.io/flow-artifact": json.loads(found["dagy.io/flow-artifact"])}


@asynccontextmanager
async def flow_rig(kubeconfig: str, objects: ObjectStore) -> AsyncIterator[FlowRig]:
    """A namespace of its own."""
    admin = await connect(kubeconfig)
    operator = await connect_operator(kubeconfig, admin)
    name = f"flows-{uuid.uuid4().hex[:6]}"
    await admin.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    try:
        yield FlowRig(admin, operator, objects, uuid.uuid4().hex[:8], name)
    finally:
        await operator.close()
        await admin.close()


def run(kubeconfig: str, objects: ObjectStore, test: Callable[[FlowRig], Awaitable[None]]) -> None:
    """Run a test with a rig of its own."""

    async def whole() -> None:
        async with flow_rig(kubeconfig, objects) as rig:
            await test(rig)

    asyncio.run(whole())
