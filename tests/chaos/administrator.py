"""What an administrator does to a cluster: a namespace goes, a quota refuses, S3 is away. No fault, but a scenario's part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from dagy.adapters.kube.api import KubeError, namespaced
from tests.fakes.kubelet import BUILDS

if TYPE_CHECKING:
    from tests.chaos.run import Run

Json = dict[str, Any]
_LONGEST_SECONDS = 1500.0
_LOOK_SECONDS = 5.0
_TRIES = 500
_FIRST = ("deppackages", "flowdeployments", "cronjobs", "jobs", "pods", "configmaps", "secrets", "controllerrevisions")


def s3_away(run: Run, seconds: float) -> None:
    """Let S3 refuse connections from now on, those of the builder's pods as well."""
    run.gate.away(seconds)


async def delete_all(run: Run, seconds: float) -> list[str]:
    """Delete all packages, with their objects in S3, and deployments; the names of those that stay for so long."""
    for obj in run.wanted():
        plural = "flowdeployments" if obj["kind"] == "FlowDeployment" else "deppackages"
        if obj["kind"] == "DepPackage":
            await run.change(obj["metadata"]["name"], deletionPolicy="Delete")
        await run.delete(obj["metadata"]["name"], plural)
    await run.until(lambda: not run.wanted(), seconds)
    return [obj["metadata"]["name"] for obj in run.wanted()]


async def delete_namespace(run: Run) -> None:
    """Delete the run's namespace, and play the namespace controller: the namespace goes when nothing is in it."""
    path = f"/api/v1/namespaces/{run.namespace}"
    await run.api.request("DELETE", path)
    end = run.loop.time() + _LONGEST_SECONDS
    while left := [place for place in run.feed.present if place.plural in _FIRST and place.namespace == run.namespace]:
        if run.loop.time() > end:
            return  # what stays is told by the run's end
        for place in left:
            if "deletionTimestamp" not in run.feed.present[place]["metadata"]:
                await run.api.remove(run.path_of(place))
        await asyncio.sleep(_LOOK_SECONDS)
    body = await run.api.get(path)
    assert body
    await run.api.replace(f"{path}/finalize", {**body, "spec": {"finalizers": []}})
    await run.api.deleted(path)


async def create_namespace(run: Run) -> None:
    """Create the run's namespace, and wait until the API server lets objects into it."""
    await run.api.create(
        "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": run.namespace}}
    )
    await _tried(run, namespaced("configmaps", run.namespace), {"metadata": {"name": "probe"}}, admitted=True)


@asynccontextmanager
async def quota(run: Run, **hard: str) -> AsyncIterator[None]:
    """Let a ResourceQuota of the build namespace refuse whatever is more than this, while the block runs.

    The quota controller, which counts, is played: nothing is used up, and admission adds to that.
    """
    path = namespaced("resourcequotas", BUILDS)
    limits = {"count/jobs.batch" if name == "jobs" else name: value for name, value in hard.items()}
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "walls"}, "spec": {"hard": limits}}
    await run.api.create(path, body)
    status = {"hard": limits, "used": dict.fromkeys(limits, "0")}
    await run.api.merge(f"{path}/walls/status", {"status": status})
    pod = {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never", "serviceAccountName": "default"}
    tried = ("/api/v1", "pods", pod) if "pods" in hard else ("/apis/batch/v1", "jobs", {"template": {"spec": pod}})
    where, probe = f"{tried[0]}/namespaces/{BUILDS}/{tried[1]}", {"metadata": {"name": "probe"}, "spec": tried[2]}
    await _tried(run, where, probe, admitted=False)
    try:
        yield
    finally:
        await run.api.remove(f"{path}/walls")
        await _tried(run, where, probe, admitted=True)
        run.gate.calm_at = max(run.gate.calm_at, run.loop.time())


async def _tried(run: Run, path: str, body: Json, *, admitted: bool) -> None:
    """Wait until the API server's admission admits the object, or does not: it hears of changes by a watch."""
    for _ in range(_TRIES):
        try:
            async with run.loop.working():
                await run.servers.admin.request("POST", path, body=body, query={"dryRun": "All"})
        except KubeError as error:
            if error.status not in (403, 404, 409):
                raise
            if not admitted and error.status == 403:
                return
        else:
            if admitted:
                return
    raise AssertionError(f"the API server never {'admits' if admitted else 'refuses'} {path}")
