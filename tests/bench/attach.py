"""How long a pod takes to start with pandas, scikit-learn and requests in it: attached, copied, or installed then and there.

The figure is from before `kubectl create` until the first line of the pod's own code, on one clock, as node and benchmark
are one machine. Importing takes the same time in all of them, and is left out.
"""

from __future__ import annotations

import re
import statistics
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.bench.cases import PYTHON, SCIENCE
from tests.bench.report import table
from tests.bench.timing import CannotRunError
from tests.cluster import kube as cluster_kube
from tests.cluster.layout import Layout
from tests.e2e.kube import SYSTEM, Json, Kube, KubectlError, package

_PYTHON = f"/opt/python/{PYTHON}/bin/python3"
_UV = "/app/bin/uv pip install --quiet --no-cache --target"
_LIST = " ".join(SCIENCE.requirements)
_TREE = "/kept/tree"
_MOST_SECONDS = 180
_LOG = re.compile(
    r"fetched and verified in ([0-9.]+) s, \d+ files extracted in ([0-9.]+) s\n"
    r".* attached in ([0-9.]+) s \(([0-9.]+) s of CPU\)"
)


@dataclass(frozen=True)
class Way:
    """One way to have the packages. `before`: a shell command of an init container; None where nothing is needed."""

    name: str
    before: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)


def ways(slug: str) -> list[Way]:
    """All of them, the bare pod first."""
    attached = {"dagy.io/dep-packages": slug, "dagy.io/python-version": PYTHON}
    # pip's own code is in the volume already, so that getting it is not counted.
    pip = f"{_PYTHON} -m pip install --quiet --no-cache-dir --disable-pip-version-check --target /work {_LIST}"
    return [
        Way("bare pod"),
        # What any init container costs: the kubelet notices once a second that one has ended.
        Way("an init container that does nothing", "true"),
        Way("attached", annotations=attached),
        Way("attached in memory", annotations={**attached, "dagy.io/attach-medium": "Memory"}),
        Way("cp -r of the extracted tree", f"cp -r {_TREE} /work/"),
        Way("uv pip install", f"{_UV} /work --python {_PYTHON} {_LIST}"),
        Way("pip install", f"PYTHONPATH=/kept/pip {pip}"),
    ]


class Pods:
    """Pods in a namespace of the benchmark's own, with a volume that keeps an extracted tree, and pip."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._image = kube.get("configmap", "dagy-operator", namespace=SYSTEM)["data"]["DAGY_BUILDER_IMAGE"]

    def prepare(self) -> str:
        """Build the package and fill the volume; the package's slug."""
        self._kube.apply(_claim(), package("science", *SCIENCE.requirements, python=PYTHON), *self._authorities())
        status = self._kube.wait("science", "Ready")["status"]
        slug = str(status["slug"])
        fill = f"cp -r /dagy/packages/{slug} {_TREE} && {_UV} /kept/pip --python {_PYTHON} pip"
        self.start(Way("prepare", annotations=ways(slug)[2].annotations), then=fill)
        return slug

    def start(self, way: Way, then: str = "true") -> tuple[float, str]:
        """Seconds until the pod's own code runs, and the log of the init container that attaches, if there is one."""
        name = f"pod-{uuid.uuid4().hex[:8]}"
        started = time.time()
        self._kube("create", "-f", "-", stdin=self._pod(name, way, then))
        try:
            self._kube("wait", "--for=jsonpath={.status.phase}=Succeeded", f"pod/{name}", f"--timeout={_MOST_SECONDS}s")
            began = float(self._kube("logs", name, "-c", "main").split()[0])
            log = self._kube("logs", name, "-c", "dagy-attach") if way.annotations else ""
        except KubectlError as error:
            raise CannotRunError(f"{way.name}: {error}") from error
        self._kube("delete", "pod", name, "--grace-period=0", "--wait=true")
        return began - started, log

    def _pod(self, name: str, way: Way, then: str) -> Json:
        code = f"import time; print(time.time(), flush=True); import subprocess; subprocess.run({then!r}, shell=True, check=True)"
        main = self._container("main", [_PYTHON, "-c", code])
        before = [self._container("before", ["sh", "-ec", way.before])] if way.before else []
        volumes: list[Json] = [
            {"name": "work", "emptyDir": {}},
            {"name": "tmp", "emptyDir": {}},
            {"name": "kept", "persistentVolumeClaim": {"claimName": "kept"}},
            {"name": "ca", "configMap": {"name": "dagy-ca-bundle", "optional": True}},
        ]
        spec = {
            "restartPolicy": "Never",
            "securityContext": {"fsGroup": 65532, "fsGroupChangePolicy": "OnRootMismatch"},
            "initContainers": before,
            "containers": [main],
            "volumes": volumes,
        }
        metadata = {"name": name, "annotations": dict(way.annotations)}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}

    def _container(self, name: str, command: list[str]) -> Json:
        mounts = {"work": "/work", "tmp": "/tmp", "kept": "/kept", "ca": "/ca"}
        trust = ["SSL_CERT_FILE", "PIP_CERT"] if self._authorities() else []
        return {
            "name": name,
            "image": self._image,
            "command": command,
            "env": [{"name": variable, "value": "/ca/ca-certificates.crt"} for variable in trust]
            + [{"name": "HOME", "value": "/tmp"}],
            "volumeMounts": [{"name": volume, "mountPath": path} for volume, path in mounts.items()],
        }

    def _authorities(self) -> list[Json]:
        """The ConfigMap that pods need behind a proxy that inspects TLS, for this namespace."""
        if not hasattr(self, "_bundle"):
            found = [
                c for c in self._kube.list("configmaps", namespace=SYSTEM) if c["metadata"]["name"] == "dagy-ca-bundle"
            ]
            self._bundle = [
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dagy-ca-bundle"}, "data": c["data"]}
                for c in found
            ]
        return self._bundle


def _claim() -> Json:
    spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "kept"}, "spec": spec}


@contextmanager
def _namespace(layout: Layout) -> Iterator[Kube]:
    if not layout.kubeconfig.exists():
        raise CannotRunError("there is no cluster: run `make up`")
    kube = Kube(cluster_kube.command(layout)[0], str(layout.kubeconfig), f"bench-{uuid.uuid4().hex[:8]}")
    try:
        kube("create", "namespace", kube.namespace)
    except KubectlError as error:
        raise CannotRunError(f"the cluster does not answer: {error}") from error
    try:
        yield kube
    finally:
        kube("delete", "namespace", kube.namespace, "--timeout=120s")


def measure(layout: Layout, rounds: int, say: Callable[[str], None]) -> list[str]:
    """Markdown lines: the table, and where an attached pod's time goes. Raises CannotRunError without a cluster."""
    seconds: dict[str, list[float]] = {}
    parts: list[tuple[float, ...]] = []
    with _namespace(layout) as kube:
        pods = Pods(kube)
        slug = pods.prepare()
        for number in range(rounds + 1):
            for way in ways(slug):
                taken, log = pods.start(way)
                say(f"pod start: {way.name}: {f'round {number}' if number else 'warm-up'}: {taken:.2f} s")
                if number:
                    seconds.setdefault(way.name, []).append(taken)
                    found = _LOG.search(log)
                    if found and way.name == "attached":
                        parts.append(tuple(float(part) for part in found.groups()))
    return [*report(seconds), "", *where(parts)]


def report(seconds: Mapping[str, list[float]]) -> list[str]:
    """The table; ratios of what each way takes more than the bare pod."""
    bare = statistics.median(seconds["bare pod"])
    attached = statistics.median(seconds["attached"]) - bare
    rows = []
    for name, taken in seconds.items():
        middle = statistics.median(taken)
        more = middle - bare
        row = [name, f"{min(taken):.2f}", f"{middle:.2f}", f"{max(taken):.2f}", f"{more:.2f}"]
        rows.append([*row, f"{more / attached:.2f}" if attached > 0 and name != "bare pod" else ""])
    head = ["pod start", "min s", "median s", "max s", "over the bare pod, s", "to attached"]
    return list(table(head, rows))


def where(parts: list[tuple[float, ...]]) -> list[str]:
    """The init container's own account, as medians."""
    if not parts:
        return []
    fetched, extracted, whole, busy = (statistics.median(column) for column in zip(*parts, strict=True))
    return [
        f"Of an attached pod's time, fetching and verifying take {fetched:.2f} s and extracting {extracted:.2f} s; the init "
        f"container's program runs for {whole:.2f} s without its imports, and uses {busy:.2f} s of CPU with them. The rest is the "
        "container itself, and admission."
    ]
