"""The real cert-manager beside a private API server, our overlay for it, and API and webhook with what it issues."""

from __future__ import annotations

import base64
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import httpx
import yaml
from cryptography import x509

from dagy.adapters.settings.attach import AttachSettings
from tests.cluster.controlplane import process
from tests.cluster.doctor import free_port
from tests.cluster.layout import current_layout
from tests.cluster.node import tail
from tests.fakes.mounted_certificates import HOSTS, Mounted
from tests.fakes.webhook import BUCKET, ROOT, SYSTEM, TEAM, Server, pod
from tests.peers.administrator import Administrator
from tests.peers.modules import module_folder

MODULE = "github.com/cert-manager/cert-manager"
OVERLAY = ROOT / "manifests/overlays/cert-manager"
KINDS = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
_CORE = f"/api/v1/namespaces/{SYSTEM}"
WITHIN = 180.0
MOUNTED_AFTER = 5.0
"""Seconds until a changed Secret is in a pod's volume. A kubelet takes up to about 90; what matters is that caBundle is
written long before."""


@contextmanager
def cert_manager(kubeconfig: Path, log: Path) -> Iterator[None]:
    """Run it while the block runs."""
    with process([str(current_layout().bin / "cert-manager"), f"--kubeconfig={kubeconfig}"], log) as running:
        yield
        assert running.poll() is None, tail(log)


def until(what: str, true: Callable[[], bool], within: float = WITHIN) -> None:
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.1)  # between two looks


@dataclass
class Installation:
    """What the overlay comes to, in an API server that calls the webhook on this machine."""

    server: Server
    admin: Administrator
    folder: Path
    api_port: int = field(default_factory=free_port)
    webhook_port: int = field(default_factory=free_port)

    def prepare(self) -> None:
        """Apply the kinds of both."""
        definitions = module_folder("cert-manager", MODULE) / "deploy/crds"
        for source in ("-k", str(ROOT / "crds")), ("-f", str(definitions)):
            self.server("apply", "--server-side", *source)
        self.server("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        self.server.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEAM}})

    def apply(self) -> None:
        """The overlay, with this machine's address in the place of the webhook's Service."""
        argv = [str(current_layout().bin / "kubectl"), "kustomize", str(OVERLAY)]
        built = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout
        documents = [document for document in yaml.safe_load_all(built) if document]
        for document in documents:
            for one in document.get("webhooks", ()):
                path = one["clientConfig"].pop("service")["path"]
                one["clientConfig"]["url"] = f"https://127.0.0.1:{self.webhook_port}{path}"
        self.server.apply(*documents)

    def secret(self, name: str) -> dict[str, str]:
        """What is in it, as text; nothing when it is not there."""
        data = self.admin.get(f"{_CORE}/secrets/{name}").get("data") or {}
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def delete_secret(self, name: str) -> None:
        self.admin.delete(f"{_CORE}/secrets/{name}")

    def ready(self, name: str) -> bool:
        conditions = self.admin.get(_certificate(name)).get("status", {}).get("conditions", [])
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def renew(self, name: str) -> None:
        """As `cmctl renew` does it; return when it is done."""
        certificate = self.admin.get(_certificate(name))
        secret = certificate["spec"]["secretName"]
        before = self.secret(secret)["tls.crt"]
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        wish = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "lastTransitionTime": now}
        conditions = [*certificate["status"]["conditions"], {**wish, "message": "by hand"}]
        self.admin.merge(f"{_certificate(name)}/status", {"status": {"conditions": conditions}})
        until(f"{name} is renewed", lambda: self.secret(secret)["tls.crt"] != before and self.ready(name))

    def bundles(self) -> list[str]:
        """The caBundle of each webhook, as PEM."""
        configurations = [self.admin.get(f"/apis/admissionregistration.k8s.io/v1/{kind}/dagy-attach") for kind in KINDS]
        bundles = [one["clientConfig"].get("caBundle", "") for c in configurations for one in c["webhooks"]]
        return [base64.b64decode(bundle).decode() for bundle in bundles]

    def published(self) -> str:
        """By which users and pods know the API (PEM)."""
        data = self.admin.get(f"{_CORE}/configmaps/dagy-api-authority").get("data") or {}
        return str(data.get("ca.crt", ""))

    def refusal(self) -> str:
        """What the API server says to a pod that asks for a package that there is not."""
        asking = pod("asks", "NOPE0000")
        return self.admin.post(f"/api/v1/namespaces/{TEAM}/pods?dryRun=All", asking).text


def _certificate(name: str) -> str:
    return f"/apis/cert-manager.io/v1/namespaces/{SYSTEM}/certificates/{name}"


class Address(NamedTuple):
    """Where a server listens on this machine, and the name that its clients know."""

    host: str
    port: int


@dataclass
class Served:
    """A process with a mounted certificate."""

    process: subprocess.Popen[bytes]
    address: Address
    log: Path

    @property
    def leaf(self) -> str:
        """The certificate that it serves, as PEM."""
        return ssl.get_server_certificate(("127.0.0.1", self.address.port), timeout=10)

    def serves(self, secret: dict[str, str]) -> bool:
        """Return True when it serves the first certificate of that Secret's chain."""
        assert self.process.poll() is None, self.log.read_text()
        try:
            return _first(self.leaf) == _first(secret["tls.crt"])
        except OSError:
            return False  # it does not listen yet

    def known_by(self, authorities: str) -> str:
        """Return why who trusts only these refuses it; nothing when he does not."""
        trusting = ssl.create_default_context(cadata=authorities)
        with httpx.Client(verify=trusting, timeout=10) as client:
            try:
                url = f"https://127.0.0.1:{self.address.port}/healthz"
                client.get(url, extensions={"sni_hostname": self.address.host})
            except httpx.TransportError as error:
                return str(error)
        return ""


def _first(chain: str) -> x509.Certificate:
    return x509.load_pem_x509_certificates(chain.encode())[0]


@contextmanager
def servers(at: Installation) -> Iterator[tuple[Served, Served]]:
    """API and webhook, each with its Secret as a kubelet would mount it, some seconds late."""
    with ExitStack() as held:
        yield (
            held.enter_context(
                _served(
                    at,
                    "api",
                    "dagy.web",
                    Address(HOSTS[0], at.api_port),
                    DAGY_API_HOST="127.0.0.1",
                    DAGY_API_PORT=str(at.api_port),
                )
            ),
            held.enter_context(
                _served(
                    at,
                    "webhook",
                    "dagy.web.attach.webhook",
                    Address(AttachSettings().hosts[0], at.webhook_port),
                    DAGY_WEBHOOK_CLIENTS="127.0.0.1/32",
                    DAGY_WEBHOOK_HOST="127.0.0.1",
                    DAGY_WEBHOOK_PORT=str(at.webhook_port),
                    DAGY_WEBHOOK_HEALTH_PORT=str(free_port()),
                )
            ),
        )


@contextmanager
def _served(at: Installation, name: str, module: str, address: Address, **settings: str) -> Iterator[Served]:
    secret, folder, log = f"dagy-{name}-certificate", at.folder / f"{name}-tls", at.folder / f"{name}.log"
    given = {
        "KUBECONFIG": str(at.server.account(at.folder, f"dagy-{name}")),
        "DAGY_S3_BUCKET": BUCKET,
        "DAGY_METRICS_PORT": "0",
        "DAGY_TLS_DIRECTORY": str(folder),
        "DAGY_TLS_CHECK_SECONDS": "1",
        **settings,
    }
    argv = ["env", *(f"{key}={value}" for key, value in given.items()), sys.executable, "-m", module]
    with _mounted(at, secret, folder), process(argv, log) as running:
        served = Served(running, address, log)
        until(f"{name} serves", lambda: served.serves(at.secret(secret)))
        yield served


@contextmanager
def _mounted(at: Installation, secret: str, folder: Path) -> Iterator[None]:
    """A volume of that Secret: what the Secret was `MOUNTED_AFTER` seconds ago; what is there stays when it is deleted."""
    until(f"there is a Secret {secret}", lambda: {"ca.crt", "tls.crt", "tls.key"} <= at.secret(secret).keys())
    if folder.exists():
        shutil.rmtree(folder)  # of the replica before
    volume, stop = Mounted.at(folder, at.secret(secret)), threading.Event()

    def follow() -> None:
        mounted, seen, since = at.secret(secret), "", 0.0
        while not stop.wait(0.2):
            now = at.secret(secret)
            if now.get("tls.crt", "") != seen:
                seen, since = now.get("tls.crt", ""), time.monotonic()
            if now and now != mounted and time.monotonic() > since + MOUNTED_AFTER:
                volume.swap(now)
                mounted = now

    kubelet = threading.Thread(target=follow, daemon=True)
    kubelet.start()
    try:
        yield
    finally:
        stop.set()
        kubelet.join(20)


class Watch:
    """Looks all the time whether who trusts what is published reaches API and webhook, in new connections."""

    def __init__(self, at: Installation, api: Served, webhook: Served) -> None:
        self._at, self._servers, self._stop = at, (api, webhook), threading.Event()
        self.looks, self.gaps = 0, list[str]()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    def _run(self) -> None:
        api, webhook = self._servers
        while not self._stop.wait(0.1):
            self.looks += 1
            for server, authorities in ((api, [self._at.published()]), (webhook, self._at.bundles())):
                self.gaps += [f"{server.address.host}: {why}" for one in authorities if (why := server.known_by(one))]
            refusal = self._at.refusal()
            if "has the slug NOPE0000" not in refusal:
                self.gaps.append(refusal)
