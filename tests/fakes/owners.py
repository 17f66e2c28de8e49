"""Packages that were built, and changes of others to their statuses and objects."""

from __future__ import annotations

from typing import Any

from dagy.adapters.kube.api import deppackage_path
from dagy.model.base import NamespacedName
from tests.fakes.controller import Rig, create

CLAIMS = "/apis/dagy.io/v1/slugclaims"
EXPORTED = {"finalizers": ["dagy.io/artifacts"]}


async def completed(rig: Rig, **spec: Any) -> tuple[Rig, NamespacedName, dict[str, Any]]:
    key = await create(rig, **spec)
    rig = rig.alone(key)
    return rig, key, await rig.settle(key, rig.reconciler().reconcile)


def stored(rig: Rig, package: dict[str, Any]) -> set[str]:
    """Return the keys of everything that the package has in S3."""
    metadata = package["metadata"]
    return set(rig.objects.list(f"{rig.prefix}/{metadata['namespace']}/{package['status']['slug']}/{metadata['uid']}/"))


async def write_status(rig: Rig, key: NamespacedName, **status: Any) -> None:
    """Write a status, as everybody can who has the right to `deppackages/status`."""
    await rig.admin.merge(deppackage_path(key.namespace, key.name, "status"), {"status": status})


async def apply_again(rig: Rig, key: NamespacedName, **metadata: Any) -> None:
    body = {
        "apiVersion": "dagy.io/v1",
        "kind": "DepPackage",
        "metadata": {"name": key.name, **metadata},
        "spec": {"pythonVersion": "3.12", "dependencies": ["pandas", "requests"]},
    }
    assert await rig.admin.create(deppackage_path(key.namespace, "").rstrip("/"), body)


async def delete(rig: Rig, key: NamespacedName) -> None:
    await rig.admin.delete(deppackage_path(key.namespace, key.name))
    await rig.reconciler().reconcile(key)
    await rig.kubelet.step()  # collects the pods
    await rig.reconciler().reconcile(key)
