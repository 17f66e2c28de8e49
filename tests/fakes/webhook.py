"""A real API server that calls the webhook, as a process serves it, with the rights that the manifests give it."""

from __future__ import annotations

import asyncio
import gzip
import json
import subprocess
import threading
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
import yaml

from dagy.adapters.kube.api import KubeApi
from dagy.adapters.packages.attach_lookup import AttachLookup
from dagy.adapters.settings.attach import AttachSettings
from dagy.core.attach.ways import Cluster
from dagy.core.common.keys import Location
from dagy.web.attach.admission import Admission
from dagy.web.attach.webhook import review_app
from dagy.web.serving import connections
from dagy.web.tls.authorities import ApiAuthority, WebhookBundle
from dagy.web.tls.certificate_keeper import CertificateKeeper
from dagy.web.tls.webhook_clients import Clients
from dagy_builder.storage.store import ObjectStore
from tests.cluster.layout import current_layout
from tests.fakes.connections import connect

ROOT = Path(__file__).parents[2]
BUCKET = "dagy"
REGISTRY = "registry.example/dagy"
SYSTEM, TEAM, OTHER = "dagy-system", "team-a", "team-b"
Json = dict[str, Any]
T = TypeVar("T")


class KubectlError(Exception):
    """A refusal of kubectl, in its own words."""


@dataclass
class Server:
    """The API server, seen by an administrator."""

    kubeconfig: Path

    def __call__(self, *arguments: str, stdin: Any = None) -> tuple[str, str]:
        """Run kubectl; return its output and its warnings. Raises KubectlError."""
        argv = [str(current_layout().bin / "kubectl"), f"--kubeconfig={self.kubeconfig}", *arguments]
        text = None if stdin is None else json.dumps(stdin)
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            raise KubectlError(done.stderr)
        return done.stdout, done.stderr

    def create(self, thing: Json, *options: str) -> tuple[Json, str]:
        """The object as the server made it, and the warnings."""
        out, said = self("create", "-f", "-", "-o", "json", *options, stdin=thing)
        return json.loads(out), said

    def apply(self, *things: Json) -> None:
        self(
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            "-",
            stdin={"apiVersion": "v1", "kind": "List", "items": list(things)},
        )

    def set_up(self, webhook: str) -> None:
        """CRDs, namespaces, and the manifest of the webhook with its address in place of the Service."""
        self("apply", "--server-side", "-k", str(ROOT / "crds"))
        self("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        self("get", "deppackages,slugclaims", "--all-namespaces")
        restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
        for name in (SYSTEM, TEAM, OTHER, "dagy-builds"):
            self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": restricted}})
        base = ROOT / "manifests/base"
        documents = [
            d
            for name in ("api-rbac", "webhook", "webhook-server")
            for d in yaml.safe_load_all((base / f"{name}.yaml").read_text())
        ]
        for document in documents:
            for one in document.get("webhooks", ()):
                path = one["clientConfig"].pop("service")["path"]
                one["clientConfig"]["url"] = webhook + path
        self.apply(*documents)

    def account(self, folder: Path, name: str = "dagy-webhook") -> Path:
        """A kubeconfig of a server's own account."""
        token, _ = self("create", "token", name, "-n", SYSTEM, "--duration=2h")
        config = json.loads(self.kubeconfig.read_text())
        config["users"][0]["user"] = {"token": token.strip()}
        path = folder / f"{name}.kubeconfig"
        path.write_text(json.dumps(config))
        return path


@dataclass
class Replica:
    """One process of the webhook."""

    settings: AttachSettings
    kubeconfig: Path
    bucket: ObjectStore
    port: int
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    cluster: Cluster = field(default_factory=Cluster)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the replica's event loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    @contextmanager
    def serving(self) -> Iterator[CertificateKeeper]:
        """Serve while the block runs."""
        thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        thread.start()
        api = self.run(connect(str(self.kubeconfig)))
        keeper = self.keeper(api)
        self.run(keeper.look())
        authority = ApiAuthority(api, SYSTEM)
        self.run(authority.look())
        server = self.server(api, keeper, authority, self.settings)
        task = asyncio.run_coroutine_threadsafe(server.serve(), self.loop)
        self.run(_started(server))
        try:
            yield keeper
        finally:
            server.should_exit = True
            task.result(30)
            self.run(api.close())
            self.loop.call_soon_threadsafe(self.loop.stop)
            thread.join(10)
            self.loop.close()

    def keeper(self, api: KubeApi, settings: AttachSettings | None = None) -> CertificateKeeper:
        """Its certificates, published as the process does it."""
        used = settings or self.settings
        return CertificateKeeper(api, used, WebhookBundle(api).publish, client_authority=used.webhook_client_ca)

    def server(
        self, api: KubeApi, keeper: CertificateKeeper, authority: ApiAuthority, settings: AttachSettings
    ) -> uvicorn.Server:
        """Return the server as the process makes it."""
        clients = Clients.of(settings)
        lookup = AttachLookup(api, Location(BUCKET, registry=settings.oci_repository), self.bucket)
        admission = Admission(
            lookup,
            lambda: settings.init_container(authority.pem),
            settings.image_volumes,
            lambda: self.cluster,
            tell=clients.known,
        )
        return connections.server(review_app(admission, clients), "127.0.0.1", self.port, lambda: keeper.context)


async def _started(server: uvicorn.Server) -> None:
    async with asyncio.timeout(20):
        while not server.started:
            await asyncio.sleep(0.01)


@dataclass
class World:
    """API server, bucket and one replica."""

    server: Server
    bucket: ObjectStore
    replica: Replica
    keeper: CertificateKeeper
    authority: str
    """The certificates by which pods know the API."""
    bases: dict[str, str] = field(default_factory=dict)
    """By slug: the prefix of the keys of a package's objects."""

    def package(
        self, slug: str, sha256: str, *, namespace: str = TEAM, phase: str = "COMPLETED", python: str = "3.12",
        versions: Mapping[str, str] | None = None, files: Mapping[str, str] | None = None, message: str = "",
        image: str | None = None,
    ) -> None:  # fmt: skip
        """A package as the operator would leave it."""
        name = f"p-{slug.lower()}"
        lock = "".join(f'[[packages]]\nname = "{n}"\nversion = "{v}"\n' for n, v in (versions or {}).items())
        kind = {"apiVersion": "dagy.io/v1", "kind": "DepPackage"}
        metadata = {"name": name, "namespace": namespace}
        self.server.apply(
            {"apiVersion": "dagy.io/v1", "kind": "SlugClaim", "metadata": {"name": slug.lower()},
             "spec": {"slug": slug, "namespace": namespace, "name": name}},
            {**kind, "metadata": metadata, "spec": {"pythonVersion": python, "dependencies": ["idna"]}},
        )  # fmt: skip
        path = "jsonpath={.metadata.uid} {.metadata.generation}"
        uid, generation = self.server("get", "deppackage", name, "-n", namespace, "-o", path)[0].split()
        base = f"{namespace}/{slug}/{uid}/{'0' * 16}-cp312-manylinux_2_28_x86_64-{sha256[:16]}"
        self.bucket.put(f"{base}.pylock.toml", (lock or "packages = []").encode(), "text/plain")
        lines = "".join(f"644 {digest} {path}\n" for path, digest in (files or {}).items())
        self.bucket.put(f"{base}.contents.txt.gz", gzip.compress(lines.encode()), "application/gzip")
        artifact = {
            "uri": f"s3://{BUCKET}/{base}.zip", "sha256": sha256, "contentSha256": sha256, "sizeBytes": 10,
            "uncompressedBytes": 20, "fileCount": 1, "packageCount": 1, "pythonVersion": python, "architecture": "amd64",
            "glibc": "2.28", "zipImportable": False, "lockHash": sha256, "lockUri": f"s3://{BUCKET}/{base}.pylock.toml",
            "contentsUri": f"s3://{BUCKET}/{base}.contents.txt.gz", "builtAt": "2026-11-21T12:00:00Z", "size": "10 B",
        }  # fmt: skip
        told = {"artifact": artifact} if phase == "COMPLETED" else {}
        status = {"observedGeneration": int(generation), "slug": slug, "phase": phase, "message": message, **told}
        if image:
            artifact["image"] = image
        self.bases[slug] = base
        patch = json.dumps({"status": status})
        self.server("patch", "deppackage", name, "-n", namespace, "--subresource=status", "--type=merge", "-p", patch)


def pod(
    name: str,
    packages: str | None,
    *,
    namespace: str = TEAM,
    image: str = "python:3.12-slim",
    annotations: dict[str, str] | None = None,
    **spec: Any,
) -> Json:
    """A pod that restricted pod security lets in."""
    annotations = {**(annotations or {}), **({} if packages is None else {"dagy.io/dep-packages": packages})}
    spec = {"serviceAccountName": "default", **spec}
    container = {
        "name": "main", "image": image,
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }  # fmt: skip
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations},
        "spec": {
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            **spec,
        },
    }
