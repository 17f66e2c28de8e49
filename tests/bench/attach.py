"""How long a pod takes to start with pandas, scikit-learn and requests in it: attached, copied, or installed then and there.

The figure is from before `kubectl create` until the first line of the pod's own code, on one clock, as node and benchmark
are one machine. Importing takes the same time in all of them, and is left out.

Pods wait when they are done, until the section ends: the kubelet empties the volumes of those that have ended, and what it
deletes slows down the pods after them (tests.bench.leftovers). They use no CPU.
"""

from __future__ import annotations

import random
import re
import statistics
import subprocess
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.cases import PYTHON, SCIENCE
from tests.bench.leftovers import early, has_room
from tests.bench.namespaces import authorities, namespace
from tests.bench.report import table
from tests.bench.timing import CannotRunError
from tests.cluster.layout import Layout
from tests.e2e.kube import SYSTEM, Json, Kube, KubectlError, package

_PYTHON = f"/opt/python/{PYTHON}/bin/python3"
_UV = "/app/bin/uv pip install --quiet --no-cache --target"
_LIST = " ".join(SCIENCE.requirements)
_TREE = "/kept/tree"
_MOST_SECONDS = 180
_MOST_WAITING = 40
"""Each attached one keeps its init container's CPU request (100m) to itself."""
_DONE = "done"
_LOG = re.compile(
    r"fetched in ([0-9.]+) s, \d+ files extracted and verified after ([0-9.]+) s\n"
    r".* attached in ([0-9.]+) s \(([0-9.]+) s of CPU\)"
)


_BARE, _ATTACHED = "bare pod", "attached"


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
        Way(_BARE),
        # What any init container costs: the kubelet notices once a second that one has ended.
        Way("an init container that does nothing", "true"),
        Way(_ATTACHED, annotations=attached),
        Way("attached in memory", annotations={**attached, "dagy.io/attach-medium": "Memory"}),
        Way("cp -r of the extracted tree", f"cp -r {_TREE} /work/"),
        Way("uv pip install", f"{_UV} /work --python {_PYTHON} {_LIST}"),
        Way("pip install", f"PYTHONPATH=/kept/pip {pip}"),
    ]


class Pods:
    """Pods in a namespace of the benchmark's own, with a volume that keeps an extracted tree, and pip."""

    def __init__(self, kube: Kube, volumes: Path) -> None:
        self._kube, self._volumes = kube, volumes
        self._image = kube.get("configmap", "dagy-operator", namespace=SYSTEM)["data"]["DAGY_BUILDER_IMAGE"]
        self._authorities = authorities(kube)
        self._waiting: deque[str] = deque()
        self._phases = random.Random(1)
        self.deleted_early = 0

    def prepare(self) -> str:
        """Build the package and fill the volume; the package's slug."""
        self._kube.apply(_claim(), package("science", *SCIENCE.requirements, python=PYTHON), *self._authorities)
        status = self._kube.wait("science", "Ready")["status"]
        slug = str(status["slug"])
        fill = f"cp -r /dagy/packages/{slug} {_TREE} && {_UV} /kept/pip --python {_PYTHON} pip"
        self.start(Way("prepare", annotations=ways(slug)[2].annotations), then=fill)
        return slug

    def start(self, way: Way, then: str = "true") -> tuple[float, str]:
        """Seconds until the pod's own code runs, and the log of the init container that attaches, if there is one."""
        name = f"pod-{uuid.uuid4().hex[:8]}"
        try:
            self._make_room()
            # The kubelet looks once a second whether an init container has ended. What was awaited before ended in step
            # with it; users' pods come at any time of that second.
            time.sleep(self._phases.random())
            started = time.time()
            self._kube("create", "-f", "-", stdin=self._pod(name, way, then))
            self._waiting.append(name)
            self._kube("wait", "--for=condition=Ready", f"pod/{name}", f"--timeout={_MOST_SECONDS}s")
            began = self._began(name)
            log = self._kube("logs", name, "-c", "dagy-attach") if way.annotations else ""
        except KubectlError as error:
            raise CannotRunError(f"{str(error).strip()}{self._last_words(name)}") from error
        return began - started, log

    def _began(self, name: str) -> float:
        """When its code says that it began, once it says that it is done."""
        command = [self._kube.kubectl, "--kubeconfig", self._kube.kubeconfig, "-n", self._kube.namespace]
        command += ["logs", "--follow", name, "-c", "main"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            timer = threading.Timer(_MOST_SECONDS, process.kill)
            timer.start()
            try:
                assert process.stdout
                lines = []
                for line in process.stdout:
                    lines.append(line.strip())
                    if line.strip() == _DONE:
                        return float(lines[0])
            finally:
                timer.cancel()
                process.kill()
        raise KubectlError(f"pod {name} ended, or is not done after {_MOST_SECONDS} s: {' '.join(lines[-3:])}")

    def _last_words(self, name: str) -> str:
        """Why a pod failed, as far as its containers say."""
        try:
            said = self._kube("logs", name, "--all-containers", "--tail=2", "--ignore-errors").strip()
        except KubectlError:
            return ""
        return f" ({said[-300:]})" if said else ""

    def _make_room(self) -> None:
        """Delete the oldest pods when too many wait for the node's CPU requests, or for its disk."""
        while len(self._waiting) >= _MOST_WAITING or (self._waiting and not has_room(self._volumes)):
            self._kube("delete", "pod", self._waiting.popleft(), "--wait=true")
            self.deleted_early += 1

    def _pod(self, name: str, way: Way, then: str) -> Json:
        code = (
            "import time; print(time.time(), flush=True); import signal, subprocess; "
            f"subprocess.run({then!r}, shell=True, check=True); print({_DONE!r}, flush=True); signal.pause()"
        )
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
            # As PID 1 it ignores the signal that asks it to end.
            "terminationGracePeriodSeconds": 1,
            "securityContext": {"fsGroup": 65532, "fsGroupChangePolicy": "OnRootMismatch"},
            "initContainers": before,
            "containers": [main],
            "volumes": volumes,
        }
        metadata = {"name": name, "annotations": dict(way.annotations)}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}

    def _container(self, name: str, command: list[str]) -> Json:
        mounts = {"work": "/work", "tmp": "/tmp", "kept": "/kept", "ca": "/ca"}
        trust = ["SSL_CERT_FILE", "PIP_CERT"] if self._authorities else []
        return {
            "name": name,
            "image": self._image,
            "command": command,
            "env": [{"name": variable, "value": "/ca/ca-certificates.crt"} for variable in trust]
            + [{"name": "HOME", "value": "/tmp"}],
            "volumeMounts": [{"name": volume, "mountPath": path} for volume, path in mounts.items()],
        }


def _claim() -> Json:
    spec: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "kept"}, "spec": spec}


def measure(layout: Layout, rounds: int, say: Callable[[str], None]) -> list[str]:
    """Markdown lines: the table, and where an attached pod's time goes. Raises CannotRunError without a cluster."""
    seconds: dict[str, list[float]] = {}
    parts: list[tuple[float, ...]] = []
    failures: dict[str, str] = {}
    with namespace(layout, say) as kube:
        try:
            pods = Pods(kube, layout.root)
            slug = pods.prepare()
        except KubectlError as error:
            raise CannotRunError(f"the package can't be built: {str(error).strip()[:500]}") from error
        for number in range(rounds + 1):
            for way in ways(slug):
                if way.name in failures:
                    continue
                try:
                    taken, log = pods.start(way)
                except CannotRunError as error:
                    failures[way.name] = str(error)
                    say(f"pod start: {way.name}: {error}")
                    continue
                say(f"pod start: {way.name}: {f'round {number}' if number else 'warm-up'}: {taken:.2f} s")
                if number:
                    seconds.setdefault(way.name, []).append(taken)
                    found = _LOG.search(log)
                    if found and way.name == _ATTACHED:
                        parts.append(tuple(float(part) for part in found.groups()))
    notes = [f"{name} has no figure: {why}" for name, why in failures.items()]
    notes += [early(pods.deleted_early, "pods")] if pods.deleted_early else []
    return [*report(seconds), *(line for note in [*where(parts), *notes] for line in ("", note))]


def report(seconds: Mapping[str, list[float]]) -> list[str]:
    """The table; ratios of what each way takes more than the bare pod. Columns are empty where the reference is missing."""
    bare = statistics.median(seconds[_BARE]) if _BARE in seconds else None
    attached = statistics.median(seconds[_ATTACHED]) - bare if bare is not None and _ATTACHED in seconds else 0
    rows = []
    for name, taken in seconds.items():
        middle = statistics.median(taken)
        row = [name, f"{min(taken):.2f}", f"{middle:.2f}", f"{max(taken):.2f}"]
        more = None if bare is None or name == _BARE else middle - bare
        row.append("" if more is None else f"{more:.2f}")
        rows.append([*row, "" if more is None or attached <= 0 else f"{more / attached:.2f}"])
    head = ["pod start", "min s", "median s", "max s", "over the bare pod, s", "to attached"]
    return list(table(head, rows))


def where(parts: list[tuple[float, ...]]) -> list[str]:
    """The init container's own account, as medians."""
    if not parts:
        return []
    fetched, extracted, whole, busy = (statistics.median(column) for column in zip(*parts, strict=True))
    return [
        f"Of an attached pod's time, fetching takes {fetched:.2f} s, in which extraction begins, and all of it {extracted:.2f} s; the init "
        f"container's program runs for {whole:.2f} s without its imports, and uses {busy:.2f} s of CPU with them. The rest is the "
        "container itself, and admission."
    ]
