"""The observer complains of what is wrong, and of nothing that it only heard of too late."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from dagy.adapters.kube.api import custom_path
from tests.chaos.campaign import observing
from tests.fakes.connections import connect

pytestmark = pytest.mark.apiserver

NAMESPACE = "team-b"


async def _completed(kubeconfig: str, name: str, *, deleted: bool) -> dict[str, Any]:
    """Write a package that says COMPLETED and has no ZIP, and delete it; the package as it was."""
    api = await connect(kubeconfig)
    try:
        body = {"apiVersion": "dagy.io/v1", "kind": "DepPackage", "metadata": {"name": name}}
        spec = {"pythonVersion": "3.12", "dependencies": ["idna"]}
        await api.create(custom_path("deppackages", NAMESPACE), {**body, "spec": spec})
        path = custom_path("deppackages", NAMESPACE, name)
        written = await api.merge(f"{path}/status", {"status": {"phase": "COMPLETED", "message": "Done."}})
        if deleted:
            await api.delete(path)
        return written
    finally:
        await api.close()


@pytest.mark.parametrize("deleted", [False, True])
def test_a_package_without_its_zip_is_told_unless_it_is_gone_by_now(
    kubeconfig: str, tmp_path: Path, deleted: bool
) -> None:
    package = asyncio.run(_completed(kubeconfig, f"no-zip-{deleted}".lower(), deleted=deleted))
    metadata = package["metadata"]
    with observing(kubeconfig, tmp_path) as observer:
        observer.expect(NAMESPACE, set)
        observer._loop.call_soon_threadsafe(observer._heard, "deppackages", {"type": "MODIFIED", "object": package})
        seen = observer.caught_up(NAMESPACE, {metadata["uid"]: int(metadata["resourceVersion"])})
    assert ["COMPLETED without its ZIP" in told for told in seen.broken] == ([] if deleted else [True])
