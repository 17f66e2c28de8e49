"""What takes a slot, of the Jobs and pods of all packages. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from dagy.core.common.owner import package_of
from dagy.core.outcomes.facts import Json, job_fact, job_of, label_of
from dagy.model import constants as names


def occupied_slots(jobs: Iterable[Json], pods: Iterable[Json], pushing: Collection[str] = ()) -> list[str]:
    """The package namespaces of everything that takes a slot: pods that have not ended, and Jobs still without one.

    A pod counts until its phase says that it has ended, even when its Job is gone: an observer, and a ResourceQuota,
    count in the same way. Those of the Jobs in `pushing` don't: their ZIPs are complete, and only a registry is slow.
    Nor does a suspended Job: it waits for a queue, which has limits of its own.
    """
    pods = list(pods)
    building = [pod for pod in pods if job_of(pod) not in pushing]
    live = {
        str(pod["metadata"]["name"]): pod
        for pod in building
        if (pod.get("status") or {}).get("phase", "Pending") in ("Pending", "Running")
    }
    return [_package_namespace(obj) for obj in [*live.values(), *_without_pods(jobs, pods)]]


def packages_without_pods(jobs: Iterable[Json], pods: Iterable[Json]) -> list[str]:
    """Return the UIDs of the packages whose Jobs take a slot although none of these pods is theirs."""
    return sorted({label_of(job, names.LABEL_PACKAGE_UID) for job in _without_pods(jobs, pods)} - {""})


def _without_pods(jobs: Iterable[Json], pods: Iterable[Json]) -> list[Json]:
    owners = {job_of(pod) for pod in pods}
    facts = [(job, job_fact(job, None)) for job in jobs if job["metadata"]["name"] not in owners]
    return [job for job, fact in facts if fact.live and not fact.suspended]


def _package_namespace(obj: Json) -> str:
    package = package_of(obj["metadata"])
    return package.namespace if package else ""
