"""The scenarios: what somebody wants in one run. The end must be the same whatever happens in the middle."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

from tests.chaos import administrator
from tests.chaos.run import Run
from tests.fakes.kubelet import BUCKET

_MIDDLE = 40.0
"""Seconds that a scenario waits for the middle of something, which with a fault may never be seen."""


def _builds(run: Run, name: str) -> Callable[[], bool]:
    return lambda: run.phase(name) in ("INSTALLING", "PACKAGING", "UPLOADING", "COMPLETED")


def _done(run: Run, *names: str) -> Callable[[], bool]:
    """True when they are built; a phase that somebody wrote by hand comes without an artifact."""
    return lambda: all(run.phase(name) == "COMPLETED" and run.status(name).get("artifact") for name in names)


def _cancelled(run: Run, name: str) -> Callable[[], bool]:
    """The request of somebody who waits until it was heard: of two at once nobody could say which is the later one."""
    return lambda: run.status(name).get("lastHandledCancel") == "1"


async def create(run: Run) -> None:
    """One package, from nothing to its ZIP."""
    await run.create("a")


async def invalid(run: Run) -> None:
    """Requirements that exclude each other, and one that cannot be read."""
    await run.create("a", dependencies=["unsatisfiable"])
    await run.create("b", dependencies=["idna ==== 3"])


async def update(run: Run) -> None:
    """Another spec in the middle of the build."""
    await run.create("a")
    await run.until(_builds(run, "a"), _MIDDLE)
    await run.change("a", dependencies=["idna", "six"])


async def delete(run: Run) -> None:
    """Deleted in the middle of the build."""
    await run.create("a")
    await run.create("b", dependencies=["six"])
    await run.until(_builds(run, "a"), _MIDDLE)
    await run.delete("a")
    await run.until(lambda: run.package("a") is None, _MIDDLE)


async def rebuild(run: Run) -> None:
    """Built again on request."""
    await run.create("a")
    await run.until(_done(run, "a"), 1000.0)
    await run.ask("a", build="again")


async def refresh(run: Run) -> None:
    """Validated again on request."""
    await run.create("a")
    await run.until(_done(run, "a"), 1000.0)
    await run.ask("a", refresh="new")


async def moved(run: Run) -> None:
    """Resolved again on request, when the index has something newer."""
    await run.create("a", dependencies=["moving"])
    await run.until(_done(run, "a"), 1000.0)
    await run.ask("a", refresh="new")


async def cancel(run: Run) -> None:
    """Cancelled before anything has begun, and asked for again."""
    await run.create("a", buildPolicy="Manual")
    await run.ask("a", build="1", cancel="1")
    await run.until(_cancelled(run, "a"), 1000.0)
    await run.ask("a", build="2")


async def stop(run: Run) -> None:
    """Cancelled in the middle of the build, and asked for again."""
    await run.create("a")
    await run.until(_builds(run, "a"), _MIDDLE)
    await run.ask("a", cancel="1")
    await run.until(_cancelled(run, "a"), 1000.0)
    await run.ask("a", build="2")


async def copy(run: Run) -> None:
    """Two packages with the same lock: the second is copied from the first."""
    await run.create("a")
    await run.until(_done(run, "a"), 1000.0)
    await run.create("b")


async def heavy(run: Run) -> None:
    """A build that needs too much memory: the user's fault, never tried again."""
    await run.create("a", dependencies=["heavy"])


async def retried(run: Run) -> None:
    """A step that crashes the first time."""
    await run.create("a", dependencies=["crashes"])


async def manual(run: Run) -> None:
    """Saved, validated on request, then built on request."""
    await run.create("a", buildPolicy="Manual")
    await run.ask("a", validate="1")
    await run.until(lambda: run.phase("a") == "VALID", _MIDDLE)
    await run.ask("a", build="1")


async def retain(run: Run) -> None:
    """Deleted with its objects kept, and made again: nothing is built twice."""
    await run.create("a", deletionPolicy="Retain")
    await run.until(_done(run, "a"), _MIDDLE)
    await run.delete("a")
    await run.until(lambda: run.package("a") is None, 1000.0)
    await run.create("a", deletionPolicy="Retain")


async def s3_down(run: Run) -> None:
    """S3 is away in the middle, for the operator and for the builder."""
    await run.create("a")
    await run.create("b", dependencies=["six"], buildPolicy="Manual")
    await run.until(_builds(run, "a"), _MIDDLE)
    administrator.s3_away(run, 200.0)
    await run.change("b", buildPolicy="Auto")
    await asyncio.sleep(100.0)
    await run.create("c", dependencies=["attrs"])


async def quota(run: Run) -> None:
    """A quota lets no Job into the build namespace, and is raised."""
    async with administrator.quota(run, jobs="0"):
        await run.create("a")
        await asyncio.sleep(200.0)


async def quota_of_pods(run: Run) -> None:
    """A quota lets no pod into the build namespace for longer than a Job waits for its pod, and is raised."""
    async with administrator.quota(run, pods="0"):
        await run.create("a")
        await asyncio.sleep(500.0)


async def namespace(run: Run) -> None:
    """Its namespace is deleted with builds and a flow in it while S3 is away, and made again."""
    await run.create("a")
    await run.until(_done(run, "a"), 1000.0)
    await _deploy(run)
    await run.create("b", dependencies=["six"])
    await run.create("c", dependencies=["attrs"])
    await run.until(_builds(run, "b"), _MIDDLE)
    administrator.s3_away(run, 200.0)
    await administrator.delete_namespace(run)
    await administrator.create_namespace(run)
    await run.create("b", dependencies=["six"])


def _code(run: Run, deployment: str, text: str) -> dict[str, Any]:
    data = text.encode()
    sha256 = hashlib.sha256(data).hexdigest()
    key = f"{run.namespace}/{run.namespace}/flows/{deployment}/{sha256}.zip"
    run.servers.objects.put(key, data, "application/zip")
    return {"uri": f"s3://{BUCKET}/{key}", "sha256": sha256, "sizeBytes": len(data)}


async def _deploy(run: Run, code: str = "1", version: str = "1") -> None:
    slug = run.status("a").get("slug") or "AAAAAAAA"
    spec = {
        "flowName": "etl", "flowVersion": version, "depPackageSlugs": [slug], "artifact": _code(run, "f", code),
        "schedule": "0 3 * * *",
    }  # fmt: skip
    body = {"apiVersion": "dagy.io/v1", "kind": "FlowDeployment", "metadata": {"name": "f"}, "spec": spec}
    path = run.path("", "flowdeployments")
    if await run.api.create(path, body) is None:
        await run.change("f", "flowdeployments", **spec)


async def deploy(run: Run) -> None:
    """A flow with a package, deployed and run."""
    await run.create("a")
    await run.until(_done(run, "a"), 1000.0)
    await _deploy(run)
    await run.ask("f", "flowdeployments", run="1")


async def roll_back(run: Run) -> None:
    """A second version of a flow, and back to the first."""
    await run.create("a")
    await run.until(_done(run, "a"), 1000.0)
    await _deploy(run)
    await run.until(lambda: ((run.flow("f") or {}).get("status") or {}).get("revision") == 1, 1000.0)
    await _deploy(run, "2", "2")
    await run.until(lambda: ((run.flow("f") or {}).get("status") or {}).get("revision") == 2, 1000.0)
    await _deploy(run)


SCENARIOS: dict[str, Callable[[Run], Awaitable[None]]] = {
    scenario.__name__.replace("_", " "): scenario
    for scenario in (
        create, invalid, update, delete, rebuild, refresh, cancel, copy, heavy, retried, manual, retain, deploy,
        roll_back, stop, s3_down, quota, quota_of_pods, namespace, moved,
    )
}  # fmt: skip
