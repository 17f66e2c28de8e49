"""The real source-controller and kustomize-controller beside a private API server, with a bucket as their source."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dagy_builder.storage.store import ObjectStore
from tests.cluster.controlplane import process
from tests.cluster.doctor import free_port
from tests.cluster.layout import current_layout
from tests.cluster.node import tail
from tests.fakes.busy_operator import Rounds
from tests.fakes.controller import NAMESPACE
from tests.peers.administrator import Administrator
from tests.peers.modules import module_folder

Json = dict[str, Any]
CONTROLLERS = ("source-controller", "kustomize-controller")
WITHIN = 180.0
PREFIX = "dagy"
"""Of the operator, in the bucket: the folders of manifests lie beside it."""
TIMEOUT = "10m"
"""What Flux would wait for a package that says nothing: longer than `WITHIN`, so that no test takes it for an end."""
_PACKAGES = f"/apis/dagy.io/v1/namespaces/{NAMESPACE}/deppackages"
_FLOWS = f"/apis/dagy.io/v1/namespaces/{NAMESPACE}/flowdeployments"
_SOURCES = f"/apis/source.toolkit.fluxcd.io/v1/namespaces/{NAMESPACE}/buckets"
_KUSTOMIZATIONS = f"/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/{NAMESPACE}/kustomizations"


def definitions() -> list[Path]:
    """The folders with the CRDs."""
    return [module_folder("flux", f"github.com/fluxcd/{name}") / "config/crd/bases" for name in CONTROLLERS]


@contextmanager
def flux(kubeconfig: Path, folder: Path) -> Iterator[None]:
    """Run both for one namespace while the block runs; what they say is in `folder`."""
    environment = {"KUBECONFIG": str(kubeconfig), "RUNTIME_NAMESPACE": NAMESPACE}
    storage, address = folder / "storage", f"127.0.0.1:{free_port()}"
    storage.mkdir()
    more = {
        "source-controller": [
            f"--storage-path={storage}",
            f"--storage-addr={address}",
            f"--storage-adv-addr={address}",
        ],
        "kustomize-controller": [],
    }
    with ExitStack() as held:
        for name in CONTROLLERS:
            argv = [
                *("env", *(f"{key}={value}" for key, value in environment.items())),
                str(current_layout().bin / name),
                *("--watch-all-namespaces=false", "--metrics-addr=127.0.0.1:0", "--events-addr="),
                f"--health-addr=127.0.0.1:{free_port()}",
                *more[name],
            ]
            running = held.enter_context(process(argv, folder / f"{name}.log"))
            held.callback(_still_runs, running.poll, folder / f"{name}.log")
        yield


def _still_runs(poll: Callable[[], int | None], log: Path) -> None:
    assert poll() is None, tail(log)


def until(what: str, true: Callable[[], bool]) -> None:
    """Return when it is true."""
    begun = time.monotonic()
    while not true():
        assert time.monotonic() < begun + WITHIN, f"never: {what}"
        time.sleep(0.2)  # between two looks


@dataclass
class Repository:
    """A folder of manifests, the source that has it, and the Kustomization that applies it."""

    admin: Administrator
    bucket: ObjectStore
    operator: Rounds
    name: str
    commits: int = 0

    @classmethod
    def new(cls, admin: Administrator, bucket: ObjectStore, operator: Rounds) -> Repository:
        made = cls(admin, bucket, operator, f"r-{uuid.uuid4().hex[:6]}")
        keys = {"accesskey": os.environ["AWS_ACCESS_KEY_ID"], "secretkey": os.environ["AWS_SECRET_ACCESS_KEY"]}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": made.name}, "stringData": keys}
        admin.apply(f"/api/v1/namespaces/{NAMESPACE}/secrets/{made.name}", secret)
        source = {
            "interval": "10m",
            "provider": "generic",
            "bucketName": bucket.bucket,
            "prefix": f"{made.name}/",
            "endpoint": os.environ["AWS_ENDPOINT_URL"].removeprefix("http://"),
            "region": os.environ["AWS_REGION"],
            "insecure": True,
            "secretRef": {"name": made.name},
        }
        kustomization = {
            "interval": "10m",
            "retryInterval": "10m",
            "timeout": TIMEOUT,
            "wait": True,
            "prune": True,
            "path": f"./{made.name}",
            "targetNamespace": NAMESPACE,
            "sourceRef": {"kind": "Bucket", "name": made.name},
        }
        for path, kind, spec in (
            (_SOURCES, ("source", "Bucket"), source),
            (_KUSTOMIZATIONS, ("kustomize", "Kustomization"), kustomization),
        ):
            meta = {"apiVersion": f"{kind[0]}.toolkit.fluxcd.io/v1", "kind": kind[1], "metadata": {"name": made.name}}
            admin.apply(f"{path}/{made.name}", {**meta, "spec": spec})
        return made

    def commit(self, *objects: Json) -> None:
        """Replace what is in the folder, and tell Flux. What doesn't say its kind is a package."""
        self.commits += 1
        documents = [{"apiVersion": "dagy.io/v1", "kind": "DepPackage", **one} for one in objects]
        # Without any, something must be left: an empty folder is an error for Flux.
        documents.append(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": self.name},
                "data": {"commit": str(self.commits)},
            }
        )
        text = yaml.safe_dump_all(documents).encode()
        self.bucket.put(f"{self.name}/packages.yaml", text, "application/yaml")
        self._ask(_SOURCES)

    def again(self) -> None:
        """Have it applied once more, and return when that is done."""
        asked = self._ask(_KUSTOMIZATIONS)
        until("applied", lambda: self.state().get("lastHandledReconcileAt") == asked)
        until("it is ready again", lambda: self.ready()[0] == "True")

    def _ask(self, plural: str) -> str:
        now = str(time.time_ns())
        body = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": now}}}
        self.admin.merge(f"{plural}/{self.name}", body)
        return now

    def state(self) -> Json:
        """The Kustomization's status."""
        return dict(self.admin.get(f"{_KUSTOMIZATIONS}/{self.name}").get("status", {}))

    def ready(self) -> tuple[str, str, str]:
        """Status, reason and message of its condition Ready, for the newest commit; Unknown before."""
        commit = self.admin.get(f"/api/v1/namespaces/{NAMESPACE}/configmaps/{self.name}").get("data", {}).get("commit")
        conditions = {one["type"]: one for one in self.state().get("conditions", [])}
        if commit != str(self.commits) or "Ready" not in conditions:
            return "Unknown", "", ""
        one = conditions["Ready"]
        return one["status"], one["reason"], one["message"]

    def ends(self) -> tuple[str, str, str]:
        """Its condition Ready when it is ready or has failed, long before Flux would give up (`TIMEOUT`)."""
        until("the Kustomization ends", lambda: self.ready()[0] != "Unknown")
        return self.ready()

    def at_rest(self, look: Callable[[], Json]) -> Json:
        """The object once the operator has gone round without a write to it: ready may come before its last word."""
        while True:
            found, begun = look(), self.operator.done
            # The round under way may have passed it by already.
            until("the operator goes round", lambda begun=begun: self.operator.done >= begun + 2)
            if look() == found:
                return found

    def package(self, name: str) -> Json:
        return self.admin.get(f"{_PACKAGES}/{name}")

    def flow(self, name: str) -> Json:
        return self.admin.get(f"{_FLOWS}/{name}")

    def close(self) -> None:
        """Delete both while the controllers run: they hold finalizers."""
        for plural in (_KUSTOMIZATIONS, _SOURCES):
            self.admin.delete(f"{plural}/{self.name}")
            until("it is gone", lambda plural=plural: not self.admin.get(f"{plural}/{self.name}"))
