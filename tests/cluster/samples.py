"""The samples of manifests/samples: applied, followed until each has settled, and shown with the way to use them."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import yaml

from .kube import apply_objects, command
from .layout import REPO, ClusterError, Layout
from .progress import Progress

FOLDER = REPO / "manifests" / "samples"
NAMESPACE = "default"
SETTLED_WITHIN = 900.0
USE = "make use PACKAGE={name}"
"""The command that uses a package: its Python, with the package's files on the path."""


@dataclass(frozen=True)
class View:
    """The words on the screen about a package."""

    name: str
    slug: str
    phase: str
    message: str
    uri: str
    settled: bool

    @classmethod
    def of(cls, package: Mapping[str, Any]) -> Self:
        """Read a DepPackage as the API server gives it. It has settled when that was said of its present generation."""
        status = package.get("status", {})
        settled = any(
            c["type"] == "Settled" and c["status"] == "True" and c.get("observedGeneration") == _generation(package)
            for c in status.get("conditions", [])
        )
        return cls(
            name=package["metadata"]["name"],
            slug=status.get("slug", ""),
            phase=status.get("phase", ""),
            message=status.get("message", ""),
            uri=status.get("s3Uri", ""),
            settled=settled,
        )

    def line(self) -> str:
        """The package in a line."""
        return f"  {self.name:<14} {self.slug or '-':<8} {self.phase or '-':<10} {self.message}".rstrip()


def _generation(package: Mapping[str, Any]) -> int:
    return int(package["metadata"]["generation"])


def show(layout: Layout, progress: Progress) -> None:
    """Apply the samples and follow them. Raises ClusterError unless all of them reach COMPLETED."""
    objects = [o for f in sorted(FOLDER.glob("*.yaml")) for o in yaml.safe_load_all(f.read_text())]
    names = [o["metadata"]["name"] for o in objects]
    with progress.step(f"Samples {', '.join(names)}") as step:
        for o in objects:
            o["metadata"].setdefault("namespace", NAMESPACE)
        apply_objects(layout, objects)
        views = follow(layout, progress, names)
        step.done(f"{sum(v.phase == 'COMPLETED' for v in views)} of {len(names)} completed")
    for view in views:
        progress.note(f"\n{view.name}: {view.phase}, slug {view.slug}, {view.uri or view.message}")
        if view.uri:
            progress.note("  " + USE.format(name=view.name))
    failed = [v for v in views if v.phase != "COMPLETED"]
    if failed:
        raise ClusterError("; ".join(f"sample {v.name} is {v.phase or 'unseen'}: {v.message}" for v in failed))


def follow(layout: Layout, progress: Progress, names: Iterable[str]) -> list[View]:
    """Print every change of the packages until all have settled; their last state, in the order of `names`."""
    wanted = list(names)
    seen: dict[str, View] = {}
    deadline = time.monotonic() + SETTLED_WITHIN
    while not all(n in seen and seen[n].settled for n in wanted):
        if time.monotonic() >= deadline:
            waiting = ", ".join(n for n in wanted if n not in seen or not seen[n].settled)
            raise ClusterError(
                f"{waiting} did not settle within {SETTLED_WITHIN / 60:.0f} min: see `kubectl describe deppackage` and"
                " `kubectl --namespace dagy-system logs deployment/dagy-operator`."
            )
        _watch(layout, progress, wanted, seen, deadline)
    return [seen[n] for n in wanted]


def _watch(layout: Layout, progress: Progress, names: list[str], seen: dict[str, View], deadline: float) -> None:
    """Watch once: until all have settled, the deadline comes, or the API server ends it."""
    # {@} prints an object as JSON in one line.
    argv = [*command(layout), "get", "deppackages", f"--namespace={NAMESPACE}", "--watch", '-o=jsonpath={@}{"\\n"}']
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        alarm = threading.Timer(max(0.0, deadline - time.monotonic()), process.kill)
        alarm.start()
        try:
            for line in process.stdout:
                view = View.of(json.loads(line))
                if view.name not in names:
                    continue
                if seen.get(view.name) != view:
                    progress.note(view.line())
                seen[view.name] = view
                if all(n in seen and seen[n].settled for n in names):
                    return
        finally:
            alarm.cancel()
            process.kill()
