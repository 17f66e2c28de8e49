"""Thousands of finished packages: before a fresh operator, and in the API.

API server, etcd and S3 are real and private; there is no kubelet, because nothing is left to do for the packages.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from dagy.adapters.kube.api import KubeApi, deppackage_path
from dagy.model import constants as names
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore
from tests.bench import look_up, report
from tests.bench.copies import copy
from tests.bench.timing import CannotRunError
from tests.cluster.controlplane import control_plane
from tests.cluster.doctor import free_port
from tests.cluster.layout import REPO, current_layout
from tests.fakes.connections import connect
from tests.fakes.controller import NAMESPACE, Rig
from tests.fakes.kubelet import BUCKET, Kubelet
from tests.s3server import s3_server

AT_ONCE = 64
SETTLED_WITHIN = 600.0


def measure(count: int, say: Callable[[str], None]) -> list[tuple[str, list[str]]]:
    """Sections of Markdown, each a title and its lines. Raises CannotRunError when the operator doesn't get ready."""
    missing = [
        name
        for name in ("kube-apiserver", "etcd", "kubectl", "versitygw")
        if not (current_layout().bin / name).exists()
    ]
    if missing:
        raise CannotRunError(f"{', '.join(missing)} can't be found: run `make binaries`")
    with contextlib.ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="dagy-bench-scale-")))
        (folder / "s3").mkdir()
        # Sections that follow must not find this S3.
        running.enter_context(mock.patch.dict(os.environ))
        os.environ |= running.enter_context(s3_server(folder / "s3", BUCKET))
        kubeconfig = running.enter_context(control_plane(current_layout(), folder))
        _set_up(kubeconfig)
        asyncio.run(_fill(kubeconfig, count, say))
        restart = _restart(kubeconfig, count)
        say(f"scale: the operator has looked at all of them: {restart[1][1]}")
        requests = look_up.measure(kubeconfig, say)
    return [
        (f"{count:,} finished packages, a fresh operator", list(report.table(["what", "figure"], restart))),
        (f"The API with {count:,} packages", list(report.table(["request", "p50", "p99"], requests))),
    ]


async def _fill(kubeconfig: Path, count: int, say: Callable[[str], None]) -> None:
    admin = await connect(str(kubeconfig))
    try:
        model = await _finished(admin)
        started = time.perf_counter()
        copy(kubeconfig.parent, model, range(count - 1))
        say(f"scale: {count} packages made in {time.perf_counter() - started:.0f} s")
    finally:
        await admin.close()


def _set_up(kubeconfig: Path) -> None:
    _kubectl(kubeconfig, "apply", "--server-side", "-k", str(REPO / "crds"))
    _kubectl(kubeconfig, "apply", "--server-side", "-f", str(REPO / "manifests/base/user-roles.yaml"))
    _kubectl(kubeconfig, "wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    # These wait while their storage is being set up.
    _kubectl(kubeconfig, "get", "deppackages,slugclaims", "--all-namespaces")
    for namespace in (NAMESPACE, "dagy-builds", "dagy-system"):
        _kubectl(kubeconfig, "create", "namespace", namespace)


async def _finished(admin: KubeApi) -> dict[str, Any]:
    """One package that the operator's own reconciler has brought to COMPLETED: what the others are copies of."""
    objects = ObjectStore(BUCKET)
    rig = Rig(admin, admin, Kubelet(admin, objects), objects, "")
    key = NamespacedName(NAMESPACE, "p")
    spec = {"pythonVersion": "3.12", "dependencies": ["pandas==2.2.3", "requests>=2.31,<3", "scikit-learn~=1.5"]}
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.DEPPACKAGE_KIND,
        "metadata": {"name": key.name, "namespace": key.namespace},
        "spec": spec,
    }
    await admin.create(deppackage_path(key.namespace, ""), body)
    return await rig.settle(key, rig.reconciler().reconcile)


def _restart(kubeconfig: Path, count: int) -> list[list[str]]:
    with _operator(kubeconfig) as (process, port, log):
        started = time.perf_counter()
        _await_ready(process, port, log)
        settled = time.perf_counter() - started
        status = Path(f"/proc/{process.pid}/status").read_text()
        cpu = sum(map(int, Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
        if jobs := json.loads(_kubectl(kubeconfig, "get", "jobs", "-A", "-o", "json"))["items"]:
            raise CannotRunError(f"the operator takes {len(jobs)} of them for unfinished")
    memory = {
        line.split(":")[0]: int(line.split()[1]) // 1024
        for line in status.splitlines()
        if "VmHWM" in line or "VmRSS" in line
    }
    return [
        ["packages", f"{count:,}"],
        ["start of the process to all looked at", f"{settled:.1f} s"],
        ["CPU time until then", f"{cpu / os.sysconf('SC_CLK_TCK'):.1f} s"],
        ["memory then", f"{memory['VmRSS']} MiB"],
        ["memory at most", f"{memory['VmHWM']} MiB"],
    ]


@contextmanager
def _operator(kubeconfig: Path) -> Iterator[tuple[subprocess.Popen[bytes], int, Path]]:
    port, log = free_port(), kubeconfig.with_name("operator.log")
    environment = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "DAGY_S3_BUCKET": BUCKET,
        "DAGY_BUILDER_IMAGE": "builder:1",
        "DAGY_HEALTH_PORT": str(port),
        "DAGY_METRICS_PORT": "0",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagy.controller"], env=environment, stdout=output, stderr=output
        )
    try:
        yield process, port, log
    finally:
        process.terminate()
        process.wait(30)


def _await_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + SETTLED_WITHIN
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            pass
        if process.poll() is not None or time.monotonic() > deadline:
            raise CannotRunError(f"the operator is not ready: {log.read_text()[-500:]}")
        time.sleep(0.1)  # between two polls


def _kubectl(kubeconfig: Path, *arguments: str) -> bytes:
    program = str(current_layout().bin / "kubectl")
    return subprocess.run([program, f"--kubeconfig={kubeconfig}", *arguments], check=True, capture_output=True).stdout
