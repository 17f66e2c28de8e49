"""Packages in pods as if they were installed there: what wins over what, and lists that were made to agree."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.kube import Kube, package
from tests.e2e.test_attach import RESTRICTED, Team

pytestmark = pytest.mark.e2e

PACKAGES = {
    "names": "idna==3.7",
    # A backport of 2015 that is a syntax error today, and brings asyncio/__init__.py.
    "backport": "asyncio==3.4.3",
}


@pytest.fixture(scope="module")
def team(admin: Kube) -> Iterator[Team]:
    name = f"e2e-installed-{uuid.uuid4().hex[:6]}"
    admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}})
    kube = Kube(admin.kubectl, admin.kubeconfig, name)
    kube.apply(*(package(name, requirement, python="3.12") for name, requirement in PACKAGES.items()))
    yield Team(kube, {name: kube.wait(name, "Ready")["status"]["slug"] for name in PACKAGES})
    admin("delete", "namespace", name, "--wait=false")


def test_the_standard_library_wins(team: Team) -> None:
    """As in a virtual environment, and the status says what is never imported."""
    code = (
        "import asyncio, importlib.metadata, subprocess, sys; print(asyncio.__file__, importlib.metadata.version('asyncio'))\n"
        "sys.exit(subprocess.call([sys.executable, '-c', 'import asyncio, idna; print(asyncio.run(asyncio.sleep(0, 1)))']))"
    )
    team.kube("create", "-f", "-", stdin=team.pod("backport", team.list("backport", "names"), code=code))
    team.finished("backport")
    said = team.kube("logs", "backport", "-c", "main").split()
    assert said == ["/opt/python/3.12/lib/python3.12/asyncio/__init__.py", "3.4.3", "1"]
    status = team.kube.get("deppackage", "backport")["status"]
    assert status["artifact"]["warnings"][0].startswith(
        "asyncio is for Pythons that lack asyncio, and Python 3.12 has it"
    )
    assert "1 warning in status.artifact.warnings" in status["message"]


def test_lists_that_were_made_to_agree_are_attached_together(team: Team, tmp_path: Path) -> None:
    """Each alone would bring the newest of what the other pins."""
    (tmp_path / "one.txt").write_text("boto3==1.34.100\nbotocore==1.34.100\njmespath==1.0.1\n")
    (tmp_path / "two.txt").write_text("python-dateutil==2.9.0.post0\ns3transfer==0.10.1\nsix==1.16.0\nurllib3==2.2.1\n")
    command = ["requirements", "split", "one.txt", "two.txt", "--name", "agreed", "--python", "3.12"]
    made = subprocess.run(
        [sys.executable, "-c", "from dagy.cli import main; main()", *command],
        cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    team.kube("apply", "-f", "-", stdin=made.stdout)
    slugs = ",".join(team.kube.wait(f"agreed-{number}", "Ready")["status"]["slug"] for number in (1, 2))
    team.kube(
        "create",
        "-f",
        "-",
        stdin=team.pod("agreed", slugs, code="import boto3, s3transfer, six; print(six.__version__)"),
    )
    team.finished("agreed")
    assert team.kube("logs", "agreed", "-c", "main").split() == ["1.16.0"]
