"""The pods of the section `start`, and what is read from their logs and events."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench.cases import SCIENCE
from tests.bench.start import ways as listed
from tests.bench.start.ways import Pull, Way, marks, pod, pull_of
from tests.cluster import images
from tests.cluster.image_sources import IMAGES

WAYS = listed.ways("A1B2C3D4")


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    (one,) = manifest["spec"]["containers"]
    return dict(one)


def test_all_pods_have_one_image_and_differ_in_how_the_packages_come() -> None:
    pods = {way.name: pod(way, "pod-1", waits=True, trust=False) for way in WAYS}
    assert {container(one)["image"] for one in pods.values()} == {listed.IMAGE}
    asked = {name: one["metadata"]["annotations"].get("dagy.io/attach-mode") for name, one in pods.items()}
    assert asked == {
        listed.BAKED: None, listed.FIRST: "ImageVolume", listed.LATER: "ImageVolume",
        listed.INIT: "InitContainer", listed.UV: None, listed.PIP: None,
    }  # fmt: skip
    for name in (listed.UV, listed.PIP):
        script = container(pods[name])["command"][2]
        assert all(one in script for one in SCIENCE.requirements)
        assert {"name": "PYTHONPATH", "value": "/srv/work"} in container(pods[name])["env"]


def test_only_those_wait_whose_files_would_be_deleted() -> None:
    assert [way.name for way in WAYS if way.writes] == [listed.INIT, listed.UV, listed.PIP]
    assert [way.name for way in WAYS if way.first] == [listed.FIRST]


def test_where_there_are_authorities_pods_trust_them() -> None:
    manifest = pod(WAYS[-1], "pod-1", waits=True, trust=True)
    assert {"name": "PIP_CERT", "value": "/ca/ca-certificates.crt"} in container(manifest)["env"]
    assert manifest["spec"]["volumes"] == [{"name": "ca", "configMap": {"name": "dagy-ca-bundle"}}]
    assert "volumes" not in pod(WAYS[-1], "pod-1", waits=True, trust=False)["spec"]


def test_the_image_is_made_of_the_clusters_own() -> None:
    assert {one.name for one in IMAGES} >= {listed.BASE, listed.TOOLS}
    assert {one.name for one in images._bases(listed.DOCKERFILE)} == {listed.BASE, listed.TOOLS}


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """What stands for the packages: the code is what is tried here."""
    for name in ("pandas.py", "requests.py", "sklearn/__init__.py", "sklearn/linear_model.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def command(modules: Path, *, waits: bool) -> list[str]:
    way = Way("here", python=sys.executable, before=f"export PYTHONPATH={modules}")
    return list(container(pod(way, "pod-1", waits=waits, trust=False))["command"])


def test_the_code_tells_when_it_begins_has_imported_and_ends(modules: Path) -> None:
    done = subprocess.run(command(modules, waits=False), capture_output=True, text=True, check=True)
    told = marks(f"a warning of pip\n{done.stdout}")
    assert list(told) == ["begun", "imported", "ended"]
    assert told["begun"] <= told["imported"] <= told["ended"]


def test_code_that_waits_ends_when_it_is_told_to(modules: Path) -> None:
    with subprocess.Popen(command(modules, waits=True), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        told = [next(process.stdout), next(process.stdout)]
        assert list(marks("".join(told))) == ["begun", "imported"]
        process.send_signal(signal.SIGUSR1)
        assert list(marks(process.stdout.read())) == ["ended"]
    assert process.returncode == 0


def test_a_command_that_fails_before_runs_no_code(modules: Path) -> None:
    way = Way("here", python=sys.executable, before="echo no network; false")
    argv = container(pod(way, "pod-1", waits=False, trust=False))["command"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "no network\n")


def test_a_pull_is_read_from_events() -> None:
    image = "registry.example/dagy/team/a1b2c3d4@sha256:00"
    other = 'Successfully pulled image "docker.io/library/python:3.12-slim" in 9s (9s including waiting). Image size: 5 bytes.'
    there = f'Container image "{image}" already present on machine'
    for said, seconds in (("2.345s", 2.345), ("250ms", 0.25), ("1m2.5s", 62.5)):
        pulled = (
            f'Successfully pulled image "{image}" in {said} ({said} including waiting). Image size: 76000000 bytes.'
        )
        assert pull_of(image, [other, pulled]) == Pull(seconds, 76_000_000)
    assert pull_of(image, [other, there]) is None
