"""The real Kueue beside a private API server, with the Job controller that it needs."""

from __future__ import annotations

import base64
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import pki
from tests.cluster.controlplane import process
from tests.cluster.doctor import free_port
from tests.cluster.layout import current_layout
from tests.cluster.node import tail
from tests.fakes.tls import until
from tests.peers.modules import module_folder

Json = dict[str, Any]
MODULE, VERSION, NAMESPACE = "sigs.k8s.io/kueue", "v1beta2", "kueue-system"
_KEPT = ("batch-v1-job", "kueue-x-k8s-io")
"""In the paths of the webhooks that are installed: those of Jobs and of Kueue's own kinds."""
# Kueue looks there for its certificate, whatever its settings say.
_METRICS_CERTIFICATES = "etc/kueue/metrics/certs"


@contextmanager
def kueue(kubeconfig: str, folder: Path, jobs_in: str) -> Iterator[None]:
    """Run Kueue for the Jobs of one namespace, and the Job controller, while the block runs. Needs root."""
    port, health = free_port(), free_port()
    authority = pki.new_authority("kueue")
    key, certificate = pki.issue(authority, "kueue", hosts=["127.0.0.1"])
    etc = folder / "upper" / _METRICS_CERTIFICATES.removeprefix("etc/")
    for place in (etc, folder / "certs"):
        place.mkdir(parents=True)
        (place / "tls.key").write_bytes(key)
        (place / "tls.crt").write_bytes(certificate)
    (folder / "work").mkdir()
    sources = module_folder("kueue", MODULE)
    _apply(
        kubeconfig, [*_definitions(sources), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}]
    )
    _kubectl(kubeconfig, "wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    (folder / "kueue.yaml").write_text(yaml.safe_dump(_settings(folder, port, health, jobs_in)))
    # Its own view of /etc: nothing on the machine changes.
    overlay = f"lowerdir=/etc,upperdir={folder / 'upper'},workdir={folder / 'work'}"
    start = f'mount -t overlay overlay -o {overlay} /etc && exec "$@"'
    program = [str(current_layout().bin / "kueue"), f"--config={folder / 'kueue.yaml'}", f"--kubeconfig={kubeconfig}"]
    gates = "--feature-gates=VisibilityOnDemand=false"
    controllers = "--controllers=job-controller,garbage-collector-controller"
    manager = [str(current_layout().bin / "kube-controller-manager"), f"--kubeconfig={kubeconfig}", controllers]
    manager += ["--leader-elect=false", "--secure-port=0"]
    with ExitStack() as running:
        log = folder / "kueue.log"
        argv = ["unshare", "--mount", "sh", "-c", start, "kueue", *program, gates]
        running.enter_context(process(argv, log))
        running.enter_context(
            process([*manager, "--kube-api-qps=200", "--kube-api-burst=400"], folder / "controllers.log")
        )
        try:
            until(lambda: _answers(f"http://127.0.0.1:{health}/readyz"))
        except AssertionError as error:
            raise AssertionError(f"Kueue does not start:\n{tail(log)}") from error
        _apply(kubeconfig, _webhooks(sources, port, authority.pem, jobs_in))
        yield


def _definitions(sources: Path) -> list[Json]:
    """The CRDs in one version, so that nothing has to be converted."""
    found = []
    for file in sorted((sources / "config/components/crd/bases").glob("*.yaml")):
        definition = yaml.safe_load(file.read_text())
        spec = definition["spec"]
        spec["conversion"] = {"strategy": "None"}
        for version in spec["versions"]:
            is_ours = version["name"] == VERSION or len(spec["versions"]) == 1
            version["served"] = version["storage"] = is_ours
        found.append(definition)
    return found


def _webhooks(sources: Path, port: int, authority: bytes, jobs_in: str) -> list[Json]:
    """The two configurations, of what is needed here; the API server calls Kueue on this machine."""
    found = []
    for configuration in yaml.safe_load_all((sources / "config/components/webhook/manifests.yaml").read_text()):
        kept = []
        for webhook in configuration["webhooks"]:
            path = webhook["clientConfig"]["service"]["path"]
            if not any(name in path for name in _KEPT):
                continue
            bundle = base64.b64encode(authority).decode()
            webhook["clientConfig"] = {"url": f"https://127.0.0.1:{port}{path}", "caBundle": bundle}
            if _KEPT[0] in path:
                webhook["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": jobs_in}}
            kept.append(webhook)
        found.append({**configuration, "webhooks": kept})
    return found


def _settings(folder: Path, port: int, health: int, jobs_in: str) -> Json:
    return {
        "apiVersion": f"config.kueue.x-k8s.io/{VERSION}",
        "kind": "Configuration",
        "namespace": NAMESPACE,
        "health": {"healthProbeBindAddress": f"127.0.0.1:{health}"},
        "metrics": {"bindAddress": "0"},
        "webhook": {"host": "127.0.0.1", "port": port, "certDir": str(folder / "certs")},
        "leaderElection": {"leaderElect": False},
        # Hundreds of Jobs; as released, it takes 20 requests a second.
        "clientConnection": {"qps": 200, "burst": 400},
        "internalCertManagement": {"enable": False},
        "integrations": {"frameworks": ["batch/job"]},
        "managedJobsNamespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": jobs_in}},
        # What counts here is how many Jobs run.
        "resources": {"excludeResourcePrefixes": ["cpu", "memory", "ephemeral-storage"]},
    }


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def _apply(kubeconfig: str, objects: list[Json]) -> None:
    _kubectl(kubeconfig, "apply", "--server-side", "--filename=-", stdin=yaml.safe_dump_all(objects))


def _kubectl(kubeconfig: str, *arguments: str, stdin: str | None = None) -> None:
    argv = [str(current_layout().bin / "kubectl"), f"--kubeconfig={kubeconfig}", *arguments]
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False, timeout=120)
    assert not done.returncode, done.stderr
