"""What somebody does by hand in the middle of things."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagy.adapters.kube.api import KubeError, custom_path, namespaced
from tests.fakes.kubelet import BUILDS

if TYPE_CHECKING:
    from tests.chaos.run import Run

Json = dict[str, Any]


async def _remove_all(run: Run, plural: str) -> None:
    for obj in list(run.feed.all(plural, BUILDS)):
        await run.api.remove(namespaced(plural, BUILDS, obj["metadata"]["name"]))


async def _merge(run: Run, body: Json, subresource: str = "") -> None:
    for obj in list(run.feed.all("deppackages", run.namespace)):
        await run.api.merge(run.path(obj["metadata"]["name"], "deppackages", subresource), body)


async def delete_pods(run: Run) -> None:
    await _remove_all(run, "pods")


async def delete_jobs(run: Run) -> None:
    await _remove_all(run, "jobs")


async def delete_config_maps(run: Run) -> None:
    await _remove_all(run, "configmaps")


async def strip_labels_of_jobs(run: Run) -> None:
    for job in list(run.feed.all("jobs", BUILDS)):
        body = {"metadata": {"labels": {"dagy.io/package-uid": None, "app.kubernetes.io/managed-by": None}}}
        await run.api.merge(namespaced("jobs", BUILDS, job["metadata"]["name"]), body)


async def delete_claims(run: Run) -> None:
    for claim in list(run.feed.all("slugclaims")):
        run.unclaimed.add(claim["metadata"]["name"].upper())
        await run.api.remove(custom_path("slugclaims", name=claim["metadata"]["name"]))


async def erase_status(run: Run) -> None:
    for obj in list(run.feed.all("deppackages", run.namespace)):
        if obj.get("status"):
            path = run.path(obj["metadata"]["name"], "deppackages", "status")
            try:
                await run.api.patch(path, [{"op": "remove", "path": "/status"}])
            except KubeError as error:
                if error.status not in (404, 422):
                    raise


async def spoil_status(run: Run) -> None:
    await _merge(run, {"status": {"phase": "COMPLETED", "message": "by hand", "lockHash": "f" * 64}}, "status")


async def strip_label(run: Run) -> None:
    await _merge(run, {"metadata": {"labels": {"dagy.io/slug": None}}})


async def strip_finalizers(run: Run) -> None:
    for obj in list(run.feed.all("deppackages", run.namespace)):
        await run.api.merge(run.path(obj["metadata"]["name"]), {"metadata": {"finalizers": None}})
        run.stripped[obj["metadata"]["uid"]] = len(run.feed.changes)


def _files(run: Run, pattern: str) -> list[Path]:
    return sorted((run.servers.data / run.namespace).glob(f"**/{pattern}"))


async def delete_zips(run: Run) -> None:
    for path in _files(run, "*.zip"):
        if "flows" in path.parts:  # code that somebody uploaded: nobody else can bring it back
            continue
        run.servers.objects.delete(str(path.relative_to(run.servers.data)))


async def spoil_locks(run: Run) -> None:
    for path in _files(run, "resolutions/*.json"):
        run.servers.objects.put(str(path.relative_to(run.servers.data)), b'{"lock": 7', "application/json")


async def odd_locks(run: Run) -> None:
    for path in _files(run, "resolutions/*.json"):
        data = b'{"specHash": 1, "lockHash": [], "lock": {"a": null}, "warnings": 5}'
        run.servers.objects.put(str(path.relative_to(run.servers.data)), data, "application/json")


async def spoil_records(run: Run) -> None:
    for path in _files(run, "*.build.json"):
        run.servers.objects.put(str(path.relative_to(run.servers.data)), b"\xff{]", "application/json")


async def empty_config_maps(run: Run) -> None:
    for obj in list(run.feed.all("configmaps", BUILDS)):
        path = namespaced("configmaps", BUILDS, obj["metadata"]["name"])
        await run.api.merge(path, {"metadata": {"labels": None}})


ZIPS = "ZIPs deleted"
DO: dict[str, Callable[[Run], Awaitable[None]]] = {
    "pods deleted": delete_pods,
    "Jobs deleted": delete_jobs,
    "ConfigMaps deleted": delete_config_maps,
    "ConfigMaps' labels taken": empty_config_maps,
    "Jobs' labels taken": strip_labels_of_jobs,
    "claims deleted": delete_claims,
    "status erased": erase_status,
    "status spoiled": spoil_status,
    "label taken": strip_label,
    "finalizers taken": strip_finalizers,
    ZIPS: delete_zips,
    "locks spoiled": spoil_locks,
    "locks odd": odd_locks,
    "records spoiled": spoil_records,
}


async def does(what: str, run: Run) -> None:
    """Do it; what is gone meanwhile is left alone."""
    try:
        await DO[what](run)
    except KubeError as error:
        if error.status not in (404, 409, 422):
            raise
