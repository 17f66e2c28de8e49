"""The cluster that `make up` started, a namespace for each test, and its S3."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mypy_boto3_s3.client import S3Client

from tests.cluster import images
from tests.cluster import s3 as cluster_s3
from tests.cluster.layout import current_layout
from tests.cluster.shell import run
from tests.e2e.kube import BUILDS, SYSTEM, Kube, Recording, own_namespace

ROOT = Path(__file__).parents[2]
STATE = Path(os.environ.get("DAGY_CLUSTER_DIR") or ROOT / ".cluster")


@pytest.fixture(scope="session")
def admin() -> Kube:
    """kubectl as the cluster's administrator."""
    kubeconfig = STATE / "kubeconfig"
    if not kubeconfig.exists():
        pytest.fail("There is no cluster to test on: run `make up` first.")
    return Kube(str(STATE / "bin/kubectl"), str(kubeconfig), "default")


@pytest.fixture
def kube(admin: Kube, request: pytest.FixtureRequest) -> Iterator[Kube]:
    """kubectl in a namespace of the test's own, which is deleted with all its packages afterwards."""
    with own_namespace(admin) as own:
        yield own


@pytest.fixture(scope="session")
def s3_env() -> dict[str, str]:
    """The variables of s3.env, as the host sees the cluster's S3."""
    return cluster_s3.read_environment(current_layout())


@pytest.fixture(scope="session")
def s3(s3_env: dict[str, str]) -> S3Client:
    """A client of the cluster's S3."""
    return cluster_s3.connect(s3_env)


@pytest.fixture(scope="session")
def bucket(s3_env: dict[str, str]) -> str:
    """The operator's bucket."""
    return s3_env["DAGY_S3_BUCKET"]


@pytest.fixture
def jobs(kube: Kube) -> Iterator[Recording]:
    """All Jobs of builds from now on."""
    with kube.recording("jobs", BUILDS) as recording:
        yield recording


def kill_operator(kube: Kube) -> None:
    """SIGKILL to the operator's process, from outside its container; waits until another one is ready.

    The pod is deleted afterwards, because the kubelet waits longer and longer before it starts a killed container
    again, and that wait is not what is tested.
    """
    operators = ("pods", "-l", "app.kubernetes.io/name=dagy-operator")
    killed = [pod["metadata"]["name"] for pod in kube.list(*operators, namespace=SYSTEM)]
    for pod in kube.list(*operators, namespace=SYSTEM):
        for container in pod["status"].get("containerStatuses", []):
            if (STATE / "node.json").exists() and "running" in container["state"]:
                task = container["containerID"].removeprefix("containerd://")
                run([*images.ctr(current_layout()), "task", "kill", "--signal", "SIGKILL", task])
    kube("delete", "pod", *killed, "--grace-period=0", "--force", namespace=SYSTEM)
    for _, new in kube.watch(*operators, seconds=120, namespace=SYSTEM):
        ready = any(s["ready"] for s in new["status"].get("containerStatuses", []))
        if ready and new["metadata"]["name"] not in killed:
            return
    pytest.fail("The operator did not come back within 120 s.")


@contextmanager
def changed_secret(kube: Kube, namespace: str, **values: str) -> Iterator[None]:
    """Other values in the Secret dagy-s3 of a namespace while the block runs."""
    before = kube.get("secret", "dagy-s3", namespace)["data"]
    changed = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    kube(
        "patch",
        "secret",
        "dagy-s3",
        "--type=merge",
        "--patch-file=/dev/stdin",
        stdin={"data": changed},
        namespace=namespace,
    )
    try:
        yield
    finally:
        old = {"data": {key: before[key] for key in values}}
        kube("patch", "secret", "dagy-s3", "--type=merge", "--patch-file=/dev/stdin", stdin=old, namespace=namespace)


def restart(kube: Kube, deployment: str) -> None:
    """The process reads its environment at the start."""
    kube("rollout", "restart", f"deployment/{deployment}", namespace=SYSTEM)
    kube("rollout", "status", f"deployment/{deployment}", "--timeout=90s", namespace=SYSTEM)


def restart_operator(kube: Kube) -> None:
    """As after a change of its settings."""
    restart(kube, "dagy-operator")


@contextmanager
def changed_settings(kube: Kube, process: str, **values: str) -> Iterator[None]:
    """The operator (dagy-operator) or the API (dagy-api) with other settings while the block runs; two restarts."""
    before = kube.get("configmap", process, SYSTEM)["data"]

    def patch(data: dict[str, str | None]) -> None:
        command = ("patch", "configmap", process, "--type=merge", "--patch-file=/dev/stdin")
        kube(*command, stdin={"data": data}, namespace=SYSTEM)
        restart(kube, process)

    patch(dict(values))
    try:
        yield
    finally:
        patch({name: before.get(name) for name in values})
