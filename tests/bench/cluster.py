"""On the cluster: from `kubectl apply` to COMPLETED, and which phase takes how long."""

from __future__ import annotations

import re
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from dagy_builder.steps.shared_cache import BYTECODE, DEFLATED
from tests.bench.cases import PYTHON, Case
from tests.bench.namespaces import namespace
from tests.bench.timing import CannotRunError, Contender
from tests.cluster import s3
from tests.cluster.layout import Layout
from tests.e2e.kube import BUILDS, SYSTEM, Json, Kube, KubectlError, package

CLUSTER = "apply to COMPLETED"
_HOW = "kubectl apply && kubectl wait --for=condition=Ready"
_STEP_TIME = re.compile(r"^(resolve|install|package|upload): .* in ([0-9.]+) s$", re.MULTILINE)
_MOST_SECONDS = 240


@dataclass
class Timeline:
    """One package: when it entered each phase (seconds since apply), and how long each step took by its own account."""

    entered: dict[str, float] = field(default_factory=dict)
    steps: dict[str, float] = field(default_factory=dict)

    @property
    def total(self) -> float:
        """Seconds from apply to the last phase that was seen."""
        return max(self.entered.values())

    def durations(self) -> dict[str, float]:
        """Seconds in each phase, COMPLETED left out."""
        order = sorted(self.entered.items(), key=lambda one: one[1])
        return {phase: later - at for (phase, at), (_, later) in pairwise(order)}


class Cluster:
    """Packages in a namespace of the benchmark's own."""

    def __init__(self, layout: Layout, kube: Kube) -> None:
        self._layout, self._kube, self._count = layout, kube, 0
        self._timeline = Timeline()
        self._finished: Json = {}
        """Status of the package that has just completed."""
        self.timelines: dict[str, list[Timeline]] = {}
        """Of the defaults, by case, in the order of the rounds; the first is the warm-up."""

    def contenders(self) -> list[Contender]:
        """The cluster as contenders: with the defaults, small, and without bytecode."""
        return [
            Contender(CLUSTER, lambda case, _: self._run(case), _HOW, after=self._after),
            self._with("small", compression="small"),
            self._with("without bytecode", bytecode="Exclude"),
            self._anew("nothing compiled before", "Include"),
            self._anew("without bytecode, nothing compressed before", "Exclude"),
        ]

    def _anew(self, name: str, bytecode: str) -> Contender:
        def after() -> None:
            self._give_back_what_is_kept()
            self._after()

        return Contender(
            f"{CLUSTER}, {name}",
            lambda case, _: self._run(case, bytecode=bytecode),
            f"{_HOW} (build.bytecode: {bytecode}; what builds made of these wheels before has been taken away)",
            before=self._take_away_what_is_kept,
            after=after,
            warmed_by=CLUSTER,
        )

    def _with(self, name: str, **options: str) -> Contender:
        shown = ", ".join(f"build.{option}: {value}" for option, value in options.items())
        return Contender(
            f"{CLUSTER}, {name}",
            lambda case, _: self._run(case, **options),
            f"{_HOW} ({shown})",
            after=self._after,
            warmed_by=CLUSTER,
        )

    def _take_away_what_is_kept(self) -> None:
        for kept in self._kept_folders():
            if kept.exists():
                kept.rename(kept.with_suffix(".aside"))

    def _give_back_what_is_kept(self) -> None:
        """Nothing is deleted while others are timed."""
        for kept in self._kept_folders():
            if (aside := kept.with_suffix(".aside")).exists():
                if kept.exists():
                    kept.rename(kept.with_suffix(f".{uuid.uuid4().hex[:8]}"))
                aside.rename(kept)

    def _kept_folders(self) -> list[Path]:
        settings = self._kube.get("configmap", "dagy-operator", namespace=SYSTEM)["data"]
        claim = self._kube.get("pvc", settings["DAGY_CACHE_CLAIM"], namespace=BUILDS)
        path = str(self._kube.get("pv", claim["spec"]["volumeName"])["spec"]["local"]["path"])
        return [self._layout.volumes / Path(path).name / folder for folder in (BYTECODE, DEFLATED)]

    def _run(self, case: Case, **options: str) -> int:
        # A new name each time, hence a new slug: the same package would only find its own artifact again.
        self._count += 1
        name = f"bench-{self._count}"
        timeline = Timeline()
        with _watched(self._kube, name, timeline):
            self._kube.apply(package(name, *case.requirements, python=PYTHON, build=options))
            try:
                status = self._kube.wait(name, "Ready", seconds=_MOST_SECONDS)["status"]
            except KubectlError as error:
                raise CannotRunError(str(error).strip().splitlines()[0]) from error
        if not options:
            self.timelines.setdefault(case.name, []).append(timeline)
        self._finished, self._timeline = status, timeline
        return int(status["artifact"]["sizeBytes"])

    def _after(self) -> None:
        """Read the logs, then delete the package: another one of the same list must find nothing to reuse."""
        completed = bool(self._finished)
        if completed:
            self._timeline.steps = _step_times(self._layout, self._finished)
        self._finished = {}
        # After a failure nothing is waited for: the namespace takes the package with it.
        wait = "--timeout=60s" if completed else "--wait=false"
        try:
            self._kube("delete", "dp", f"bench-{self._count}", wait, "--ignore-not-found")
        except KubectlError as error:
            raise CannotRunError(f"its package can't be deleted: {str(error).strip()}") from error


@contextmanager
def opened(layout: Layout, say: Callable[[str], None]) -> Iterator[Cluster]:
    """The running cluster, with a namespace while the block runs. Raises CannotRunError when none runs."""
    with namespace(layout, say) as kube:
        yield Cluster(layout, kube)


@contextmanager
def _watched(kube: Kube, name: str, timeline: Timeline) -> Iterator[None]:
    """Note when the package enters each phase, as a watch sees it, until it has completed."""
    command = [kube.kubectl, "--kubeconfig", kube.kubeconfig, "-n", kube.namespace, "get", "dp", "--watch"]
    command += ['-o=jsonpath={.metadata.name} {.status.phase}{"\\n"}']
    started = time.perf_counter()
    timeline.entered["PENDING"] = 0.0

    def read(lines: Iterator[str]) -> None:
        for line in lines:
            seen, _, phase = line.strip().partition(" ")
            if seen == name and phase:
                timeline.entered.setdefault(phase, time.perf_counter() - started)
            if seen == name and phase == "COMPLETED":
                return

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        reader = threading.Thread(target=read, args=(process.stdout,), daemon=True)
        reader.start()
        try:
            yield
            reader.join(timeout=10)
        finally:
            process.kill()


def _step_times(layout: Layout, status: Json) -> dict[str, float]:
    """Seconds of each step by its own account, from the logs in S3."""
    client = s3.connect(s3.read_environment(layout))
    times: dict[str, float] = {}
    for uri in (status["validation"].get("logUri"), status["artifact"].get("logUri")):
        if uri:
            bucket, key = uri.removeprefix("s3://").split("/", 1)
            text = client.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
            times |= {step: float(seconds) for step, seconds in _STEP_TIME.findall(text)}
    client.close()
    return times
