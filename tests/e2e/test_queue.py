"""Many packages at once: the limit holds, everybody gets a turn, in order of arrival."""

from __future__ import annotations

import pytest

from tests.e2e.kube import BUILDS, Json, Kube, package

pytestmark = pytest.mark.e2e

COUNT, LIMIT = 20, 2
SMALL = ["idna", "certifi", "six", "toml", "tomli"]


def test_twenty_at_once(kube: Kube) -> None:
    names = [f"p{number:02d}" for number in range(COUNT)]
    with (
        kube.recording("pods", BUILDS, "-l", "dagy.io/job=build") as pods,
        kube.recording("dp", kube.namespace) as seen,
    ):
        kube.apply(*(package(name, SMALL[number % 5]) for number, name in enumerate(names)))
        for name in names:
            assert kube.wait(name, "Ready", seconds=600)["status"]["phase"] == "COMPLETED"
    live: dict[str, Json] = {}
    most = 0
    for type_, pod in pods.versions:
        mine = pod["metadata"]["annotations"]["dagy.io/package"].startswith(f"{kube.namespace}/")
        if mine and type_ != "DELETED" and pod["status"]["phase"] in ("Pending", "Running"):
            live[pod["metadata"]["name"]] = pod
        else:
            live.pop(pod["metadata"]["name"], None)
        most = max(most, len(live))
    assert most <= LIMIT
    started = [
        pod["metadata"]["annotations"]["dagy.io/package"].split("/")[1] for pod in _first_versions(pods.objects())
    ]
    assert started == names
    positions = {
        o["metadata"]["name"]: o["status"]["build"].get("queuePosition")
        for o in seen.objects()
        if "build" in o.get("status", {})
    }
    assert set(positions) == set(names)
    shown = [
        o["status"]["build"]["queuePosition"]
        for o in seen.objects()
        if o.get("status", {}).get("build", {}).get("queuePosition")
    ]
    assert max(shown) > LIMIT


def _first_versions(pods: list[Json]) -> list[Json]:
    first: dict[str, Json] = {}
    for pod in pods:
        first.setdefault(pod["metadata"]["name"], pod)
    return list(first.values())
