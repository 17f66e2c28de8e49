"""API server, etcd and S3 of a benchmark's own, the operator's process before them, and what that process has used."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from tests.bench.timing import CannotRunError
from tests.cluster.controlplane import control_plane
from tests.cluster.doctor import free_port
from tests.cluster.layout import REPO, current_layout
from tests.fakes.controller import NAMESPACE
from tests.fakes.kubelet import BUCKET, BUILDS
from tests.s3server import s3_server

READY_WITHIN = 600.0


@contextmanager
def servers() -> Iterator[Path]:
    """Yield an administrator's kubeconfig; S3 is in the environment. Raises CannotRunError where a program lacks."""
    programs = ("kube-apiserver", "etcd", "kubectl", "versitygw")
    if missing := [name for name in programs if not (current_layout().bin / name).exists()]:
        raise CannotRunError(f"{', '.join(missing)} can't be found: run `make binaries`")
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="dagy-bench-many-")))
        (folder / "s3").mkdir()
        # Sections that follow must not find this S3.
        running.enter_context(mock.patch.dict(os.environ))
        os.environ |= running.enter_context(s3_server(folder / "s3", BUCKET))
        kubeconfig = running.enter_context(control_plane(current_layout(), folder))
        _set_up(kubeconfig)
        yield kubeconfig


def _set_up(kubeconfig: Path) -> None:
    kubectl(kubeconfig, "apply", "--server-side", "-k", str(REPO / "crds"))
    kubectl(kubeconfig, "apply", "--server-side", "-f", str(REPO / "manifests/base/user-roles.yaml"))
    kubectl(kubeconfig, "wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    # These wait while their storage is being set up.
    kubectl(kubeconfig, "get", "deppackages,slugclaims", "--all-namespaces")
    for namespace in (NAMESPACE, BUILDS, "dagy-system"):
        kubectl(kubeconfig, "create", "namespace", namespace)


def kubectl(kubeconfig: Path, *arguments: str) -> bytes:
    """Run it and return what it says. Raises CalledProcessError."""
    program = str(current_layout().bin / "kubectl")
    return subprocess.run([program, f"--kubeconfig={kubeconfig}", *arguments], check=True, capture_output=True).stdout


@dataclass(frozen=True)
class Usage:
    """What a process has used since its start."""

    cpu: float
    """Seconds."""
    now_mib: int
    most_mib: int


class Operator:
    """The operator's process."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self._process, self._port, self._log = process, port, log
        self.started = time.perf_counter()

    def ready(self) -> float:
        """Wait until it has seen to every package; seconds since its start. Raises CannotRunError if it never does."""
        deadline = time.monotonic() + READY_WITHIN
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=5):
                    return time.perf_counter() - self.started
            except urllib.error.HTTPError as error:
                error.close()
            except OSError:
                pass
            self.check()
            if time.monotonic() > deadline:
                raise CannotRunError(f"the operator is not ready: {self._log.read_text()[-500:]}")
            time.sleep(0.1)  # between two polls

    def check(self) -> None:
        """Raise CannotRunError when it has ended."""
        if self._process.poll() is not None:
            raise CannotRunError(f"the operator has ended: {self._log.read_text()[-500:]}")

    def usage(self) -> Usage:
        """Return what it has used."""
        about = Path(f"/proc/{self._process.pid}")
        ticks = map(int, (about / "stat").read_text().rpartition(")")[2].split()[11:13])
        sizes = dict(line.split(":") for line in (about / "status").read_text().splitlines() if line.startswith("Vm"))
        now, most = (int(sizes[name].split()[0]) // 1024 for name in ("VmRSS", "VmHWM"))
        return Usage(sum(ticks) / os.sysconf("SC_CLK_TCK"), now, most)


@contextmanager
def operator(kubeconfig: Path, **settings: str) -> Iterator[Operator]:
    """Run the operator with these settings until the block ends."""
    port, log = free_port(), kubeconfig.with_name("operator.log")
    environment = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "DAGY_S3_BUCKET": BUCKET,
        "DAGY_BUILDER_IMAGE": "builder:1",
        "DAGY_HEALTH_PORT": str(port),
        "DAGY_METRICS_PORT": "0",
        **settings,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagy.controller"], env=environment, stdout=output, stderr=output
        )
    try:
        yield Operator(process, port, log)
    finally:
        process.terminate()
        process.wait(30)
