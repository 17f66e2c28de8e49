"""One namespace of an Application: objects as Git has them, the operator's parts, and Argo CD's own code beside them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dagy.model.base import NamespacedName
from dagy_builder.contract import StepOutcome
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import NAMESPACE, Rig
from tests.fakes.flow_controller import FlowRig, Package, flow_rig
from tests.fakes.kubelet import Kubelet
from tests.manifests.argocd.upstream import message_of
from tests.peers.argocd import Application, ArgoCD

Json = dict[str, Any]


@dataclass
class World:
    """One namespace with the operator's parts, and an Application that has its objects."""

    app: Application
    rig: Rig
    flows: FlowRig

    async def work(self, desired: Json, failure: StepOutcome | None = None) -> None:
        """Let the operator and the kubelet work until there is nothing more to do."""
        key = NamespacedName.of(desired["metadata"])
        rig = self.rig.alone(key)
        for _ in range(40):
            await rig.reconciler().reconcile(key)
            if not await rig.kubelet.step(failure):
                await rig.reconciler().reconcile(key)
                return
        raise AssertionError(await self.app.live(desired))

    async def built(self, **spec: Any) -> tuple[Json, Package]:
        """A package that is COMPLETED."""
        desired = package(**spec)
        self.app.sync(desired)
        await self.work(desired)
        status = (await self.app.live(desired))["status"]
        key = NamespacedName.of(desired["metadata"])
        return desired, Package(key, status["slug"], status["artifact"]["sha256"])

    async def says(self, desired: Json, status: str, sentence: str = "") -> None:
        """Argo CD says that of its health, with our sentence, and sees no drift."""
        look = await self.app.look(desired)
        expected = message_of(await self.app.live(desired))
        assert look.health == (status, sentence or expected)
        assert expected
        assert look.drift == {}

    def flow(self, *slugs: str, name: str = "", **spec: Any) -> Json:
        """A flow deployment as Git has it, its code uploaded."""
        name = name or f"f-{uuid.uuid4().hex[:6]}"
        base = {
            "flowName": "daily_etl",
            "flowVersion": "1",
            "depPackageSlugs": list(slugs),
            "artifact": self.flows.upload(name),
        }
        return manifest("FlowDeployment", name, {**base, **spec})

    async def deploy(self, desired: Json) -> None:
        """Let the operator look at a flow deployment."""
        await self.flows.look(NamespacedName.of(desired["metadata"]))


def manifest(kind: str, name: str, spec: Json) -> Json:
    """An object as Git has it, with labels and an annotation of its owners."""
    about = {
        "name": name,
        "namespace": NAMESPACE,
        "labels": {"team": "data"},
        "annotations": {"example.com/owner": "alice"},
    }
    return {"apiVersion": "dagy.io/v1", "kind": kind, "metadata": about, "spec": spec}


def package(*dependencies: str, name: str = "", **spec: Any) -> Json:
    """A package as Git has it."""
    base = {"pythonVersion": "3.12", "dependencies": list(dependencies) or ["idna"]}
    return manifest("DepPackage", name or f"p-{uuid.uuid4().hex[:6]}", {**base, **spec})


def run(
    kubeconfig: Path, objects: ObjectStore, argo: ArgoCD, how: str, test: Callable[[World], Awaitable[None]]
) -> None:
    async def whole() -> None:
        async with flow_rig(str(kubeconfig), objects) as flows:
            flows.namespace = NAMESPACE
            rig = Rig(flows.admin, flows.operator, Kubelet(flows.admin, objects), objects, flows.prefix)
            await test(World(Application(argo, flows.admin, how), rig, flows))

    asyncio.run(whole())
