"""Promises of the running cluster to pods and to the host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.cluster import node, pods
from tests.cluster.kube import apply_objects, kubectl
from tests.cluster.layout import REPO, S3_NODE_PORT, ClusterError, Layout

pytestmark = pytest.mark.e2e


def test_a_restricted_pod_runs_and_writes_to_a_volume(running: Layout, namespace: str) -> None:
    kubectl(running, "label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    apply_objects(running, [pods.claim(namespace, "data")])
    assert pods.output(running, namespace, "echo kept > /data/file; cat /data/file; id -u", "data") == "kept\n65532\n"


def test_pods_resolve_names_of_the_cluster(running: Layout, namespace: str) -> None:
    address = kubectl(running, "get", "service", "kubernetes", "-o", "jsonpath={.spec.clusterIP}")
    found = pods.output(running, namespace, "getent hosts kubernetes.default; getent hosts kubernetes.default.svc")
    assert [line.split()[0] for line in found.splitlines()] == [address, address]


@pytest.mark.network
def test_pods_reach_the_package_index(running: Layout, namespace: str) -> None:
    assert pods.output(running, namespace, "exec 3<>/dev/tcp/pypi.org/443 && echo connected") == "connected\n"


def test_commands_run_inside_a_pod(running: Layout, namespace: str) -> None:
    apply_objects(running, [pods.shell_pod(namespace, "sleep infinity")])
    kubectl(running, "wait", f"--namespace={namespace}", "--timeout=60s", "--for=condition=Ready", "pod/shell")
    assert kubectl(running, "exec", f"--namespace={namespace}", "shell", "--", "echo", "here") == "here\n"


def test_a_pod_with_rights_is_refused_where_the_namespace_says_so(running: Layout, namespace: str) -> None:
    kubectl(running, "label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    pod = pods.shell_pod(namespace, "true")
    pod["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    with pytest.raises(ClusterError, match='violates PodSecurity "restricted'):
        apply_objects(running, [pod])


def test_services_answer_on_the_host(running: Layout) -> None:
    found = json.loads(kubectl(running, "get", "service", "versitygw", "--namespace=dagy-s3", "-o", "json"))
    here = node.load(running)
    assert here is not None
    for address in (f"{here.addresses.node_ip}:{S3_NODE_PORT}", f"{found['spec']['clusterIP']}:7070"):
        # S3 refuses a request without a signature, and by that shows that it is S3.
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://{address}/dagy", timeout=10)
        assert refused.value.code == 403
        refused.value.close()


def test_requests_are_in_the_audit_log(running: Layout, namespace: str) -> None:
    entries = [json.loads(line) for line in (running.logs / "audit.log").read_text().splitlines() if namespace in line]
    assert any(e["verb"] == "create" and e["objectRef"]["resource"] == "namespaces" for e in entries)


def test_secrets_are_in_no_audit_entry(running: Layout) -> None:
    secret = next(
        line.split("=", 1)[1] for line in running.s3_env.read_text().splitlines() if "SECRET_ACCESS_KEY" in line
    )
    assert secret not in (running.logs / "audit.log").read_text()
    assert running.s3_env.stat().st_mode & 0o777 == 0o600


def test_starting_twice_changes_nothing_and_is_fast(running: Layout) -> None:
    def state() -> tuple[node.Node | None, set[str]]:
        uids = kubectl(running, "get", "pods", "--namespace=dagy-system", "-o", "jsonpath={.items[*].metadata.uid}")
        return node.load(running), set(uids.split())

    up(running)  # the checkout may have changed since the last time
    before, started = state(), time.monotonic()
    assert "unchanged" in up(running)
    assert time.monotonic() - started < 60
    assert state() == before


def test_our_own_cluster_can_be_the_current_one(running: Layout) -> None:
    said = up(running, "--cluster=current", KUBECONFIG=str(running.kubeconfig))
    assert "Start the node" not in said
    assert "Deployment dagy-operator: running" in said


def up(layout: Layout, *arguments: str, **env: str) -> str:
    """`make up` without its samples, as a program of its own; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.cluster", "up", "--no-samples", *arguments],
        cwd=REPO,
        env={**os.environ, "DAGY_CLUSTER_DIR": str(layout.root), **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert Path(layout.kubeconfig).exists()
    return done.stdout
