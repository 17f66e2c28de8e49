"""Many packages at once: the limit holds, everybody gets a turn, in order of arrival."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import combinations

import pytest

from tests.e2e.kube import BUILDS, Json, Kube, package

pytestmark = pytest.mark.e2e

COUNT, LIMIT = 20, 2
SMALL = ["idna", "certifi", "six", "toml", "tomli"]
# Each package has a list of its own: those of one lock would be copied from each other, without a pod.
LISTS = [choice for count in (1, 2, 3) for choice in combinations(SMALL, count)][:COUNT]


def test_twenty_at_once(kube: Kube) -> None:
    names = [f"p{number:02d}" for number in range(COUNT)]
    with (
        kube.recording("pods", BUILDS, "-l", "dagy.io/job=build") as pods,
        kube.recording("jobs", BUILDS, "-l", "dagy.io/job=build") as jobs,
        kube.recording("dp", kube.namespace) as seen,
    ):
        kube.apply(*(package(name, *choice) for name, choice in zip(names, LISTS, strict=True)))
        for name in names:
            assert kube.wait(name, "Ready", seconds=600)["status"]["phase"] == "COMPLETED"
    mine = [(type_, pod) for type_, pod in pods.versions if _package(pod)[0] == kube.namespace]
    live: set[str] = set()
    most = 0
    for type_, pod in mine:
        if type_ != "DELETED" and pod["status"]["phase"] in ("Pending", "Running"):
            live.add(pod["metadata"]["name"])
        else:
            live.discard(pod["metadata"]["name"])
        most = max(most, len(live))
    assert 0 < most <= LIMIT
    started = _first(job for job in jobs.objects() if _package(job)[0] == kube.namespace)
    waiting = _first(one for one in seen.objects() if one.get("status", {}).get("phase") == "QUEUED")
    assert sorted(started) == names
    # Whoever came later and was ready earlier goes first; whoever waited already is not overtaken, but by those that had
    # their slots at that moment: when all slots are free, each of as many packages may be the first to take its own.
    overtaken = Counter(
        early
        for early, late in combinations(names, 2)
        if waiting.get(early, started[early]) < started[late] < started[early]
    )
    assert max(overtaken.values(), default=0) < LIMIT, overtaken
    builds = [o["status"]["build"] for o in seen.objects() if "build" in o.get("status", {})]
    assert max(b.get("queuePosition", 0) for b in builds) > LIMIT


def _package(obj: Json) -> list[str]:
    """Namespace and name of the package: itself, or that of a Job or pod."""
    metadata = obj["metadata"]
    name: str = metadata.get("annotations", {}).get("dagy.io/package") or f"{metadata['namespace']}/{metadata['name']}"
    return name.split("/")


def _first(objects: Iterable[Json]) -> dict[str, int]:
    """For each package its first version among these. Versions of all kinds are of one etcd, so they are in order."""
    found: dict[str, int] = {}
    for one in objects:
        found.setdefault(_package(one)[1], int(one["metadata"]["resourceVersion"]))
    return found
