"""A registry beside the cluster: CNCF Distribution at the host's end of the node's link, its blobs in the cluster's S3.

It is a process of the test's, so that a test can end it, read its log, and ask it for what it has.
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from dagy_builder.image.manifest import MANIFEST_TYPE
from tests.cluster import images, node
from tests.cluster.doctor import free_port
from tests.cluster.layout import current_layout
from tests.cluster.shell import run
from tests.e2e.kube import BUILDS, SYSTEM, Json, Kube
from tests.registry_server import PASSWORD, USER, Registry, registry_server

PULL_SECRET = "e2e-pull"
PUSH_SECRET, OPERATOR_SECRET = "dagy-oci", "dagy-oci-operator"


class ClusterRegistry:
    """The registry, which asks for a login, as the cluster's nodes and pods reach it."""

    def __init__(self, folder: Path, address: str, s3: Mapping[str, str]) -> None:
        self._folder, self._address, self._s3 = folder, address, s3
        self._port, self._running = free_port(), ExitStack()
        self.host = f"{address}:{self._port}"
        self.repository = f"{self.host}/dagy"
        self.server = Registry(self.host, folder)
        """Its log."""

    def start(self) -> None:
        """Serve, with everything that it had."""
        bucket = self._s3["DAGY_S3_BUCKET"]
        serving = registry_server(
            self._folder, login=True, bucket=bucket, aws=self._s3, host=self._address, port=self._port
        )
        self._running.enter_context(serving)

    def stop(self) -> None:
        """End it."""
        self._running.close()

    @contextmanager
    def away(self) -> Iterator[None]:
        """No registry while the block runs."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def docker_config(self, password: str = PASSWORD) -> str:
        """What `kubectl create secret docker-registry` makes."""
        return json.dumps({"auths": {self.host: {"username": USER, "password": password}}})

    def secret(self, name: str, namespace: str, password: str = PASSWORD) -> Json:
        """A login as an object."""
        data = {".dockerconfigjson": self.docker_config(password)}
        metadata = {"name": name, "namespace": namespace}
        kind = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson"}
        return {**kind, "metadata": metadata, "stringData": data}

    def manifest(self, image: str) -> Json | None:
        """The manifest of an image by its digest; None when there is none."""
        try:
            found: Json = json.loads(self._ask("GET", image))
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return None
        return found

    def layers(self, image: str) -> dict[str, int]:
        """Digests and sizes of all that a node pulls for an image, but the manifest."""
        manifest = self.manifest(image)
        assert manifest
        return {blob["digest"]: blob["size"] for blob in (manifest["config"], *manifest["layers"])}

    def delete(self, image: str) -> None:
        """Delete an image, as a rule of the registry would."""
        self._ask("DELETE", image)

    def pulled(self, since: int) -> dict[str, int]:
        """By its log from request number `since` on: digests of the blobs that it sent, and the bytes."""
        asked = self.server.requests()[since:]
        found = [r for r in asked if r.method == "GET" and "/blobs/sha256:" in r.path and r.status in (200, 206)]
        digests = {r.path.rpartition("/")[2] for r in found}
        return {digest: sum(r.sent for r in found if r.path.endswith(digest)) for digest in digests}

    def _ask(self, method: str, image: str) -> bytes:
        name, _, digest = image.removeprefix(f"{self.host}/").partition("@")
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Accept": MANIFEST_TYPE}
        url = f"http://{self.host}/v2/{name}/manifests/{digest}"
        with urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers), timeout=30) as answer:
            content: bytes = answer.read()
        return content


@contextmanager
def beside_the_cluster(kube: Kube, folder: Path, s3: Mapping[str, str]) -> Iterator[ClusterRegistry]:
    """Serve a registry that the cluster's node pulls from without TLS, and that builds and operator may reach."""
    layout = current_layout()
    running = node.load(layout)
    assert running, "the node is not this machine's"
    registry = ClusterRegistry(folder, running.addresses.host_ip, s3)
    trusted = layout.node / "etc" / "certs.d" / registry.host
    trusted.mkdir(parents=True)
    (trusted / "hosts.toml").write_text(f'server = "http://{registry.host}"\n')
    logins = [registry.secret(PUSH_SECRET, BUILDS), registry.secret(OPERATOR_SECRET, SYSTEM)]
    policies = [_may_reach(namespace, registry.host) for namespace in (BUILDS, SYSTEM)]
    for one in (*logins, *policies):
        apply(kube, one)
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()
        for one in (*logins, *policies):
            kube("delete", one["kind"], one["metadata"]["name"], namespace=one["metadata"]["namespace"])


def forget_images() -> None:
    """Remove what the node has pulled from such registries, of earlier tests as well, with all layers."""
    there = images.imported(current_layout())
    pulled = {digest for name, digest in there.items() if "/dagy/e2e-" in name}
    # The kubelet's runtime keeps each under its configuration's digest, too.
    names = [name for name, digest in there.items() if digest in pulled]
    if names:
        run([*images.ctr(current_layout()), "images", "remove", "--sync", *names])


def apply(kube: Kube, one: Json) -> None:
    """Apply an object in its own namespace."""
    replace(kube, namespace=one["metadata"]["namespace"]).apply(one)


def _may_reach(namespace: str, host: str) -> dict[str, Any]:
    address, _, port = host.partition(":")
    to = {"to": [{"ipBlock": {"cidr": f"{address}/32"}}], "ports": [{"protocol": "TCP", "port": int(port)}]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "e2e-registry", "namespace": namespace},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [to]},
    }
