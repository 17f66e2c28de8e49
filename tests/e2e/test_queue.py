"""Many packages at once: the limit holds, everybody gets a turn, in order of arrival."""

from __future__ import annotations

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
    started = list(dict.fromkeys(_package(pod)[1] for _, pod in mine))
    # As many are validated side by side as are built, and either of them may be the first that is ready to be built.
    assert sorted(started) == names
    assert all(abs(place - names.index(name)) < LIMIT for place, name in enumerate(started)), started
    builds = [o["status"]["build"] for o in seen.objects() if "build" in o.get("status", {})]
    assert max(b.get("queuePosition", 0) for b in builds) > LIMIT


def _package(pod: Json) -> list[str]:
    """Namespace and name of the pod's package."""
    name: str = pod["metadata"]["annotations"]["dagy.io/package"]
    return name.split("/")
