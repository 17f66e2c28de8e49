"""`make run-operator`: a developer's operator, out of the cluster, does the work of the one inside until it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.layout import REPO
from tests.e2e.kube import Kube, package

pytestmark = pytest.mark.e2e

INSIDE = "app.kubernetes.io/name=dagy-operator"


@pytest.fixture
def outside(kube: Kube, tmp_path: Path) -> Iterator[Path]:
    """It runs; its log. Afterwards it is stopped as by Ctrl-C, and the one in the cluster is back."""
    log = tmp_path / "operator.log"
    with log.open("wb") as output:
        process = subprocess.Popen(["make", "run-operator"], cwd=REPO, stdout=output, stderr=output, process_group=0)
        try:
            kube("wait", "--for=delete", "pod", "-l", INSIDE, "--timeout=90s", namespace="dagy-system")
            yield log
        finally:
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(180)  # until the one in the cluster is ready again
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # it would do the work of all tests that follow
                raise
            finally:
                kube("scale", "deployment/dagy-operator", "--replicas=1", namespace="dagy-system")
    kube("rollout", "status", "deployment/dagy-operator", "--timeout=90s", namespace="dagy-system")


def test_it_builds_a_package(kube: Kube, outside: Path) -> None:
    kube.apply(package("by-hand", "idna==3.7"))
    assert kube.wait("by-hand")["status"]["phase"] == "COMPLETED", outside.read_text()
    inside = kube.list("pods", "-l", INSIDE, namespace="dagy-system")
    assert not inside, "nobody else has done it"
