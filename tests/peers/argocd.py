"""Argo CD's own code beside a private API server: how it applies an object, and what it says of the one that there is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from dagy.adapters.kube.api import KubeApi, deppackage_path, flowdeployment_path
from tests.cluster.layout import current_layout
from tests.cluster.node import tail
from tests.fakes.webhook import ROOT, Server

Json = dict[str, Any]
PROGRAM = "argocd-compare"
CONFIG_MAP = ROOT / "manifests/argocd/argocd-cm.yaml"
WAYS = {"three-way", "server-side-apply", "server-side-diff"}
"""How an Application may compare: by default, with the sync option ServerSideApply, with ServerSideDiff."""
_PATHS = {"DepPackage": deppackage_path, "FlowDeployment": flowdeployment_path}


@dataclass
class ArgoCD:
    """The program of `tests/cluster/go/argocd`, and what to write to it and read from it."""

    requests: IO[str]
    answers: IO[str]
    log: Path

    def ask(self, **request: Any) -> Json:
        """The answer. Raises AssertionError with Argo CD's sentence when it can't."""
        self.requests.write(json.dumps(request) + "\n")
        self.requests.flush()
        line = self.answers.readline()
        assert line, tail(self.log)
        answer: Json = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer


@contextmanager
def argocd(kubeconfig: Path, folder: Path) -> Iterator[ArgoCD]:
    """Run it while the block runs."""
    argv = [str(current_layout().bin / PROGRAM), f"--kubeconfig={kubeconfig}"]
    log = folder / f"{PROGRAM}.log"
    with (
        log.open("w") as told,
        # It ends when its input does, however this process ends.
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told, text=True) as process,
    ):
        assert process.stdin
        assert process.stdout
        yield ArgoCD(process.stdin, process.stdout, log)


def install_settings(server: Server) -> Json:
    """Bring our scripts into a ConfigMap that has a setting already, as docs/gitops.md says; its data then."""
    server("create", "namespace", "argocd")
    labels = {"app.kubernetes.io/name": "argocd-cm", "app.kubernetes.io/part-of": "argocd"}
    there = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-cm", "namespace": "argocd", "labels": labels},
        "data": {"timeout.reconciliation": "60s"},
    }
    server("create", "-f", "-", stdin=there)
    server("apply", "--server-side", "--field-manager=dagy", "-f", str(CONFIG_MAP))
    found, _ = server("get", "configmap", "argocd-cm", "--namespace=argocd", "-o", "json")
    data: Json = json.loads(found)["data"]
    return data


@dataclass(frozen=True)
class Look:
    """What Argo CD says of an object."""

    health: tuple[str, str]
    """Status and message."""
    sync: Json

    @property
    def drift(self) -> Json:
        """The patches that would change the object into what Git has, by the way of comparing; empty when in sync."""
        assert set(self.sync) == WAYS
        return {way: one["patch"] for way, one in self.sync.items() if one["status"] != "Synced"}


@dataclass
class Application:
    """One folder of Git, as Argo CD keeps it in the cluster."""

    argo: ArgoCD
    admin: KubeApi
    how: str = "client"
    """How it applies: "client", or "server" with the sync option ServerSideApply."""

    def sync(self, desired: Json) -> None:
        """Apply an object from Git."""
        self.argo.ask(apply=self.how, desired=desired)

    async def live(self, desired: Json) -> Json:
        """The object that there is."""
        about = desired["metadata"]
        found = await self.admin.get(_PATHS[desired["kind"]](about["namespace"], about["name"]))
        assert found
        return found

    async def look(self, desired: Json) -> Look:
        """Compare it with Git."""
        said = self.argo.ask(live=await self.live(desired), desired=desired)
        return Look((said["health"]["status"], said["health"].get("message", "")), said["sync"])
