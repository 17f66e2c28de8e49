"""Parts of the node and of the control plane are killed (SIGKILL) in the middle of a build, and come back by themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from mypy_boto3_s3.client import S3Client

from tests.cluster import node
from tests.cluster.layout import current_layout
from tests.cluster.processes import Process, children
from tests.e2e.conftest import STATE
from tests.e2e.kube import Json, Kube, Recording, eventually, slow_package
from tests.e2e.survived import check, phase_is

pytestmark = pytest.mark.e2e


def processes(component: str) -> list[int]:
    """Process ids of a component of the node."""
    running = node.load(current_layout())
    assert running
    # The kernel keeps 15 characters of a name.
    return [
        pid for pid in children(running.init.pid) if Path(f"/proc/{pid}/comm").read_text().strip() == component[:15]
    ]


def kill(component: str) -> None:
    """SIGKILL to it; returns once it runs again."""
    [pid] = processes(component)
    Process.of(pid).kill()
    eventually(lambda: bool(set(processes(component)) - {pid}), f"{component} runs again")


@pytest.mark.skipif(not (STATE / "node.json").exists(), reason="the cluster's parts are not processes of this machine")
@pytest.mark.parametrize(
    "components",
    [["kubelet"], ["containerd"], ["kubelet", "containerd"], ["kube-apiserver", "etcd", "kube-controller-manager"]],
    ids="+".join,
)
def test_killed_while_a_job_runs(kube: Kube, s3: S3Client, bucket: str, jobs: Recording, components: list[str]) -> None:
    """Whatever becomes of the running pod, the package completes: with one slug, one artifact, and no Job twice.

    The kubelet may lose a pod over a runtime that ends under it; then there is a second attempt.
    """
    kube.apply(slow_package("survivor", "numpy", "cryptography"))
    kube.until("survivor", phase_is("INSTALLING"))
    for component in components:
        kill(component)
    eventually(lambda: ready(kube), "the API server answers and the node is ready")
    check(kube, s3, bucket, jobs, "survivor", most_jobs=3 if "containerd" in components else 2)


def ready(kube: Kube) -> bool:
    """Whether the node is ready, as the API server says, if it answers."""
    try:
        (only,) = kube.list("nodes")
    except AssertionError:
        return False
    conditions: list[Json] = only["status"]["conditions"]
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
