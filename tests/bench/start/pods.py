"""Pods that are started, one or many at once, told to end, and deleted."""

from __future__ import annotations

import subprocess
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.bench.start.node import BenchNode
from tests.bench.start.report import Burst, Start
from tests.bench.start.ways import LABEL, Pull, Way, marks, pod, pull_of
from tests.bench.timing import CannotRunError
from tests.e2e.kube import Kube, KubectlError

_MOST_SECONDS, _MOST_OF_MANY_SECONDS = 180.0, 1200.0
_ENDED = {"Succeeded", "Failed"}


@dataclass
class Phases:
    """When the API server told that each pod had ended, as a watch saw it: phase and time."""

    _ended: dict[str, tuple[str, float]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _news: threading.Condition = field(default_factory=threading.Condition)

    def told(self, name: str, phase: str, when: float) -> None:
        """The watch says that a pod is in a phase."""
        with self._news:
            self._seen.add(name)
            if phase in _ENDED:
                self._ended.setdefault(name, (phase, when))
            self._news.notify_all()

    def seen(self, name: str, seconds: float) -> None:
        """Wait until the watch knows a pod, so that it will not miss its end. Raises CannotRunError."""
        with self._news:
            if not self._news.wait_for(lambda: name in self._seen, seconds):
                raise CannotRunError(f"the watch has not seen pod {name} for {seconds:.0f} s")

    def ends(self, names: Sequence[str], seconds: float) -> list[float]:
        """Wait until these have ended; when. Raises CannotRunError when one has failed, or time is over."""

        def failed() -> list[str]:
            return [name for name in names if self._ended.get(name, ("", 0.0))[0] == "Failed"]

        with self._news:
            self._news.wait_for(lambda: failed() or all(name in self._ended for name in names), seconds)
            if failed():
                raise CannotRunError(f"pod {failed()[0]} has failed")
            missing = [name for name in names if name not in self._ended]
            if missing:
                raise CannotRunError(f"{len(missing)} of {len(names)} pods have not ended after {seconds:.0f} s")
            return [self._ended[name][1] for name in names]


@dataclass(frozen=True)
class Waiting:
    """A pod that has imported everything, and ends when it is told to. `figures`: without its end."""

    name: str
    figures: Start


class Pods:
    """The section's pods, in its namespace."""

    def __init__(self, kube: Kube, node: BenchNode, *, trust: bool, rest: float) -> None:
        """`trust`: there is a ConfigMap of authorities; `rest`: CPU seconds a second that the node uses without pods."""
        self._kube, self._node, self._trust, self._rest = kube, node, trust, rest

    def start(self, way: Way) -> Waiting:
        """Start one and wait until it has imported everything. Raises CannotRunError with its last words."""
        name = _name()
        disk, busy, created = self._node.disk(), self._busy(), time.time()
        try:
            self._kube("create", "-f", "-", stdin=pod(way, name, waits=True, trust=self._trust))
            self._kube("wait", "--for=condition=Ready", f"pod/{name}", f"--timeout={_MOST_SECONDS:.0f}s")
            told = self._imported(name)
        except KubectlError as error:
            raise CannotRunError(f"{str(error).strip()}{self._last_words(name)}") from error
        used = self._busy() - busy, self._node.disk() - disk
        return Waiting(name, Start(told["begun"] - created, told["imported"] - created, 0.0, *used))

    def end(self, waiting: Waiting) -> Start:
        """Let it end; its figures, as if it had not waited."""
        with self.watched() as phases:
            phases.seen(waiting.name, _MOST_SECONDS)
            self._kube("exec", waiting.name, "-c", "main", "--", "sh", "-c", "kill -USR1 1")
            (ended,) = phases.ends([waiting.name], _MOST_SECONDS)
        told = marks(self._kube("logs", waiting.name, "-c", "main"))
        one = waiting.figures
        return Start(one.begun, one.imported, one.imported + ended - told["ended"], one.cpu, one.disk)

    def burst(self, way: Way, number: int) -> Burst:
        """Start so many at once, which end by themselves. Raises CannotRunError with the last words of those that don't."""
        names = [_name() for _ in range(number)]
        pods = [pod(way, name, waits=False, trust=self._trust) for name in names]
        with self.watched() as phases, self._node.most_disk() as disk:
            busy, created = self._busy(), time.time()
            try:
                self._kube("create", "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": pods})
                wall = max(phases.ends(names, _MOST_OF_MANY_SECONDS)) - created
            except (CannotRunError, KubectlError) as error:
                raise CannotRunError(f"{str(error).strip()}{self._last_words()}") from error
            return Burst(wall, self._busy() - busy, disk())

    def delete(self, *names: str) -> None:
        """Delete these, or all, and wait until the kubelet has removed what they had."""
        which = [f"pod/{name}" for name in names] or ["pod", f"--selector={LABEL}"]
        self._kube("delete", *which, "--wait=true", "--timeout=240s")

    def pull(self, name: str, image: str) -> Pull | None:
        """The pull of an image for a pod, as the kubelet told it."""
        events = self._kube.list("events", f"--field-selector=involvedObject.name={name},reason=Pulled")
        return pull_of(image, [event["message"] for event in events])

    @contextmanager
    def watched(self) -> Iterator[Phases]:
        """What a watch sees of all pods while the block runs."""
        command = [self._kube.kubectl, "--kubeconfig", self._kube.kubeconfig, "-n", self._kube.namespace]
        command += ["get", "pods", "--watch", '-o=jsonpath={.metadata.name} {.status.phase}{"\\n"}']
        phases = Phases()

        def read(lines: Iterator[str]) -> None:
            for line in lines:
                name, _, phase = line.strip().partition(" ")
                phases.told(name, phase, time.time())

        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            assert process.stdout
            reader = threading.Thread(target=read, args=(process.stdout,), daemon=True)
            reader.start()
            try:
                yield phases
            finally:
                process.kill()
                reader.join()

    def _busy(self) -> float:
        """CPU seconds of the node, without those that it uses at rest."""
        return self._node.cpu() - self._rest * time.time()

    def _imported(self, name: str) -> dict[str, float]:
        command = [self._kube.kubectl, "--kubeconfig", self._kube.kubeconfig, "-n", self._kube.namespace]
        lines: list[str] = []
        with subprocess.Popen(
            [*command, "logs", "--follow", name, "-c", "main"], stdout=subprocess.PIPE, text=True
        ) as process:
            timer = threading.Timer(_MOST_SECONDS, process.kill)
            timer.start()
            try:
                assert process.stdout
                for line in process.stdout:
                    lines.append(line)
                    told = marks("".join(lines))
                    if "imported" in told:
                        return told
            finally:
                timer.cancel()
                process.kill()
        raise KubectlError(f"pod {name} ended, or had not imported after {_MOST_SECONDS:.0f} s")

    def _last_words(self, *names: str) -> str:
        which = [*names] or [f"--selector={LABEL}"]
        try:
            said = self._kube("logs", *which, "--all-containers", "--tail=2", "--ignore-errors").strip()
        except KubectlError:
            return ""
        return f" ({said[-300:]})" if said else ""


def _name() -> str:
    return f"pod-{uuid.uuid4().hex[:8]}"
