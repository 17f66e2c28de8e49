"""An operator with rights in one namespace alone: the whole process, on an API server that gives it no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from dagy_builder.storage.store import ObjectStore
from tests.cluster.controlplane import control_plane
from tests.cluster.doctor import free_port
from tests.cluster.layout import current_layout
from tests.fakes.kubelet import BUCKET
from tests.manifests.conftest import Account, Json

pytestmark = pytest.mark.apiserver

ROOT = Path(__file__).parents[2]
WITHIN = 60.0
OVERLAY = """
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [../base]
components: [../components/watch-namespaces]
"""
PACKAGE: Json = {
    "apiVersion": "dagy.io/v1",
    "kind": "DepPackage",
    "metadata": {"name": "p"},
    "spec": {"pythonVersion": "3.12", "dependencies": ["idna"]},
}


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The administrator of a server whose operator may work in team-a."""
    folder = tmp_path_factory.mktemp("watched")
    with control_plane(current_layout(), folder) as kubeconfig:
        account = Account(str(kubeconfig))
        for name in ("team-a", "team-b", "dagy-system", "dagy-builds"):
            account("create", "namespace", name)
        _apply(account, folder, account("kustomize", str(_overlay(folder))), "CustomResourceDefinition")
        account("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        account("get", "deppackages,slugclaims,flowdeployments", "--all-namespaces")
        _apply(account, folder, account("kustomize", str(_overlay(folder))), "")
        said = account("apply", "--server-side", "--namespace=team-a", "-k", str(ROOT / "manifests/namespace"))
        assert not said.startswith("refused"), said
        yield account


def _overlay(folder: Path) -> Path:
    """An overlay beside links to the manifests, since kustomize takes no absolute paths."""
    mine = folder / "manifests" / "mine"
    if not mine.exists():
        mine.mkdir(parents=True)
        for name in ("base", "components"):
            subprocess.run(["cp", "-r", str(ROOT / "manifests" / name), str(mine.parent)], check=True)
        subprocess.run(["cp", "-r", str(ROOT / "crds"), str(folder)], check=True)
        (mine / "kustomization.yaml").write_text(OVERLAY)
    return mine


def _apply(account: Account, folder: Path, built: str, kind: str) -> None:
    """All objects of a kind; without one, all that say who may do what."""
    assert not built.startswith("refused"), built
    found = [d for d in yaml.safe_load_all(built) if d["kind"] == kind or (not kind and _is_right(d))]
    (folder / "objects.yaml").write_text(yaml.safe_dump_all(found))
    said = account("apply", "--server-side", "-f", str(folder / "objects.yaml"))
    assert not said.startswith("refused"), said


def _is_right(document: Json) -> bool:
    return document["kind"] == "ServiceAccount" or (
        document["apiVersion"].partition("/")[0]
        in (
            "rbac.authorization.k8s.io",
            "admissionregistration.k8s.io",
        )
        and "Webhook" not in document["kind"]
    )


@contextmanager
def running(admin: Account, folder: Path, settings: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m dagy.controller` with the operator's token; yields when it is ready."""
    config = json.loads(Path(admin.kubeconfig).read_text())
    token = admin("create", "token", "dagy-operator", "--namespace=dagy-system", "--duration=1h").strip()
    config["users"][0]["user"] = {"token": token}
    (folder / "operator.kubeconfig").write_text(json.dumps(config))
    port = free_port()
    environment = {
        **os.environ,
        "KUBECONFIG": str(folder / "operator.kubeconfig"),
        "DAGY_S3_BUCKET": BUCKET,
        "DAGY_BUILDER_IMAGE": "builder:1",
        "DAGY_HEALTH_PORT": str(port),
        "DAGY_METRICS_PORT": "0",
        **settings,
    }
    command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "dagy.controller"]
    with ExitStack() as stack:
        log = stack.enter_context((folder / "operator.log").open("wb"))
        process = stack.enter_context(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        stack.callback(process.kill)
        until(lambda: process.poll() is None and _ready(port), folder)
        yield process


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return True
    except OSError:
        return False


def until(test: Callable[[], bool], folder: Path) -> None:
    deadline = time.monotonic() + WITHIN
    while not test():
        assert time.monotonic() < deadline, (folder / "operator.log").read_text()[-3000:]
        time.sleep(0.1)  # asked of another process, which nothing tells about


def test_it_serves_that_namespace_to_the_end_and_may_see_no_other(
    admin: Account, objects: ObjectStore, tmp_path: Path
) -> None:
    for namespace in ("team-a", "team-b"):
        admin("create", f"--namespace={namespace}", "-f", "-", stdin=PACKAGE)

    def status(namespace: str) -> Json:
        found: Json = json.loads(admin("get", "dp", "p", f"--namespace={namespace}", "-o", "json")).get("status", {})
        return found

    with running(admin, tmp_path, {"DAGY_WATCH_NAMESPACES": "team-a"}):
        until(lambda: status("team-a").get("phase") == "VALIDATING", tmp_path)
        assert admin("get", "jobs", "--namespace=dagy-builds", "-o", "name").startswith("job.batch/dp-")
        admin("delete", "dp", "p", "--namespace=team-a", "--wait=false")
        until(lambda: "refused" in admin("get", "dp", "p", "--namespace=team-a"), tmp_path)
        assert "phase" not in status("team-b")
    log = (tmp_path / "operator.log").read_text()
    assert "forbidden" not in log.lower(), log[-3000:]


def test_neither_account_has_a_right_elsewhere(admin: Account) -> None:
    for account in ("dagy-operator", "dagy-api", "dagy-webhook"):
        caller = Account(admin.kubeconfig, f"system:serviceaccount:dagy-system:{account}")
        assert caller("auth", "can-i", "get", "deppackages", "--namespace=team-a") == "yes\n"
        for verb, resource in (("get", "deppackages"), ("create", "jobs"), ("list", "controllerrevisions.apps")):
            for where in ("--namespace=team-b", "--all-namespaces"):
                assert caller("auth", "can-i", verb, resource, where).startswith("refused")
