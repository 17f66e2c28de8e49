"""The API as a process serves it, with TLS and the rights of the manifests, and users with client certificates."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.cluster import pki
from tests.cluster.doctor import free_port
from tests.fakes.api import Users, api_kubeconfig, unique
from tests.rights import MANIFESTS

SYSTEM = "dagy-system"


@dataclass
class Served:
    """The process, and the certificates by which it is known."""

    url: str
    authority: str
    kubeconfig: str
    folder: Path
    users: Users

    def context(self, user: str | None, *groups: str, of: pki.Authority | None = None) -> ssl.SSLContext:
        """TLS with a certificate of that user; with none for None."""
        context = ssl.create_default_context(cadata=self.authority)
        if user is not None:
            key, certificate = pki.issue(of or self.cluster_authority, user, groups)
            file = self.folder / f"{unique('pair')}.pem"
            file.write_bytes(key + certificate)
            context.load_cert_chain(file)
        return context

    @property
    def cluster_authority(self) -> pki.Authority:
        """The authority that signs the cluster's client certificates."""
        folder = Path(self.kubeconfig).parent / "pki"
        key = load_pem_private_key((folder / "ca.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return pki.Authority(key, x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes()))

    def published(self) -> dict[str, str]:
        """Return the facts that are published for users."""
        found = json.loads(self.users.kubectl("get", "configmap", "dagy-api-authority", "-n", SYSTEM, "-o", "json"))
        return found.get("data") or {}

    def write_kubeconfig(self, path: Path, namespace: str, user: dict[str, str]) -> Path:
        """A kubeconfig like the administrator's, for somebody else."""
        config = json.loads(Path(self.kubeconfig).read_text())
        config["users"][0]["user"] = user
        config["contexts"][0]["context"]["namespace"] = namespace
        path.write_text(json.dumps(config))
        return path

    def certified(self, user: str, *groups: str) -> dict[str, str]:
        """The user of a kubeconfig that has a client certificate."""
        pair = dict(
            zip(
                ("client-key-data", "client-certificate-data"),
                pki.issue(self.cluster_authority, user, groups),
                strict=True,
            )
        )
        return {name: base64.b64encode(pem).decode() for name, pem in pair.items()}

    def client(self, user: str | None, *groups: str, of: pki.Authority | None = None) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.context(user, *groups, of=of), timeout=60)


@contextmanager
def served(kubeconfig: str, folder: Path, **settings: str) -> Iterator[Served]:
    """`python -m dagy.web` with the account's kubeconfig; S3 is in the environment already."""
    users = Users(kubeconfig)
    for file in ("api-rbac", "cluster-info"):
        users.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(MANIFESTS / f"{file}.yaml"))
    port = free_port()
    environment = {
        **os.environ,
        "KUBECONFIG": str(api_kubeconfig(users, folder)),
        "DAGY_API_HOST": "127.0.0.1",
        "DAGY_API_PORT": str(port),
        "DAGY_METRICS_PORT": "0",
        "DAGY_API_PUBLIC_URL": f"https://127.0.0.1:{port}",
        "DAGY_TLS_CHECK_SECONDS": "1",
        **settings,
    }
    log = folder / "api.log"
    with log.open("wb") as output:
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "dagy.web"]
        running = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        found = Served(f"https://127.0.0.1:{port}", "", kubeconfig, folder, users)

        def answers() -> bool:
            assert running.poll() is None, log.read_text()
            found.authority = found.published().get("ca.crt", "")
            return bool(found.authority) and httpx.get(f"{found.url}/healthz", verify=found.context(None)).is_success

        until(answers)
        yield found
    finally:
        running.terminate()
        running.wait(40)


def until(test: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if test():
                return
        except httpx.TransportError:
            pass  # it does not listen yet
        assert time.monotonic() < deadline
        time.sleep(0.1)  # between two looks
