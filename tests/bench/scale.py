"""`python -m tests.bench.scale`: thousands of finished packages before a fresh operator, and in the API. Markdown on standard output.

API server, etcd and S3 are real and private; there is no kubelet, because nothing is left to do for the packages.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import copy
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dagy.adapters.kube import KubeApi, deppackage_path
from dagy.core.plan import Key
from dagy.core.slug import new_slug
from dagy.model import names
from dagy_builder.storage import ObjectStore
from tests.bench import look_up, machine, report
from tests.bench.timing import CannotRunError
from tests.cluster.controlplane import control_plane
from tests.cluster.doctor import free_port
from tests.cluster.layout import REPO, current_layout
from tests.controller.harness import BUCKET, NAMESPACE, Kubelet, Rig, connect
from tests.s3server import s3_server

AT_ONCE = 64
SETTLED_WITHIN = 600.0


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("--packages", type=int, default=10_000, help="how many finished packages there are")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dagy-bench-scale-") as folder:
        rows = asyncio.run(_measure(Path(folder), options.packages))
    print(f"Measured: {machine.description()}.\n\n## {options.packages:,} finished packages, a fresh operator\n")
    print("\n".join(report.table(["what", "figure"], rows[0])))
    print(f"\n## The API with {options.packages:,} packages\n")
    print("\n".join(report.table(["request", "median", "99th percentile"], rows[1])))
    return 0


async def _measure(folder: Path, count: int) -> tuple[list[list[str]], list[list[str]]]:
    with contextlib.ExitStack() as running:
        (folder / "s3").mkdir()
        os.environ |= running.enter_context(s3_server(folder / "s3", BUCKET))
        kubeconfig = running.enter_context(control_plane(current_layout(), folder))
        _kubectl(kubeconfig, "apply", "--server-side", "-k", str(REPO / "crds"))
        _kubectl(kubeconfig, "apply", "--server-side", "-f", str(REPO / "manifests/base/user-roles.yaml"))
        _kubectl(kubeconfig, "wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        _kubectl(kubeconfig, "get", "deppackages,slugclaims", "--all-namespaces")
        for namespace in (NAMESPACE, "dagy-builds", "dagy-system"):
            _kubectl(kubeconfig, "create", "namespace", namespace)
        admin = await connect(str(kubeconfig))
        try:
            started = time.perf_counter()
            await _populate(admin, await _finished(admin), count)
            _say(f"{count} packages made in {time.perf_counter() - started:.0f} s")
            restart = await asyncio.to_thread(_restart, kubeconfig, count)
            return restart, await asyncio.to_thread(look_up.measure, kubeconfig)
        finally:
            await admin.close()


async def _finished(admin: KubeApi) -> dict[str, Any]:
    """One package that the operator's own reconciler has brought to COMPLETED: what the others are copies of."""
    objects = ObjectStore(BUCKET)
    rig = Rig(admin, Kubelet(admin, objects), objects, "")
    key = Key(NAMESPACE, "p")
    spec = {"pythonVersion": "3.12", "dependencies": ["pandas==2.2.3", "requests>=2.31,<3", "scikit-learn~=1.5"]}
    body = {
        "apiVersion": names.API_VERSION,
        "kind": names.DEPPACKAGE_KIND,
        "metadata": {"name": key.name, "namespace": key.namespace},
        "spec": spec,
    }
    await admin.create(deppackage_path(key.namespace, ""), body)
    return await rig.settle(key, rig.reconciler().reconcile)


async def _populate(admin: KubeApi, model: dict[str, Any], count: int) -> None:
    limit = asyncio.Semaphore(AT_ONCE)
    old_slug = model["status"]["slug"]

    async def one(number: int) -> None:
        slug, name = new_slug(), f"p{number}"
        metadata = {
            "name": name,
            "namespace": NAMESPACE,
            "labels": {names.LABEL_SLUG: slug},
            "finalizers": [names.FINALIZER],
        }
        body = {**copy.deepcopy(model), "metadata": metadata}
        status = json.loads(json.dumps(model["status"]).replace(old_slug, slug))
        async with limit:
            claim = {
                "apiVersion": names.API_VERSION,
                "kind": names.SLUGCLAIM_KIND,
                "metadata": {"name": slug.lower()},
                "spec": {"slug": slug, "namespace": NAMESPACE, "name": name},
            }
            await admin.create(f"/apis/{names.API_VERSION}/{names.SLUGCLAIM_PLURAL}", claim)
            await admin.create(deppackage_path(NAMESPACE, "").rstrip("/"), body)
            await admin.merge(deppackage_path(NAMESPACE, name, "status"), {"status": status})

    await asyncio.gather(*(one(number) for number in range(count - 1)))


def _restart(kubeconfig: Path, count: int) -> list[list[str]]:
    with _operator(kubeconfig) as (process, port, log):
        started = time.perf_counter()
        _await_ready(process, port, log)
        settled = time.perf_counter() - started
        status = Path(f"/proc/{process.pid}/status").read_text()
        cpu = sum(map(int, Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
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


def _kubectl(kubeconfig: Path, *arguments: str) -> None:
    program = str(current_layout().bin / "kubectl")
    subprocess.run([program, f"--kubeconfig={kubeconfig}", *arguments], check=True, capture_output=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
