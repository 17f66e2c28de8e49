"""Certificates from somebody else: what is served, what is kept when they are no use, and what is left alone."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import yaml

from dagy.adapters.kube.api import KubeApi
from dagy.adapters.settings.attach import AttachSettings
from dagy.adapters.settings.tls import ApiTlsSettings
from dagy.web.tls.certificate_keeper import CertificateKeeper, published_by_others
from dagy.web.tls.given_certificates import UnusableCertificateError
from tests.cluster.doctor import free_port
from tests.cluster.layout import current_layout
from tests.fakes.mounted_certificates import HOSTS, Files, Mounted, encrypted, files, issued, with_rsa_key
from tests.fakes.webhook import BUCKET, ROOT, SYSTEM, Server, World

OVERLAY = ROOT / "manifests/overlays/cert-manager"
GOOD, OTHER = issued(), issued()
HALF = GOOD.chain[: len(GOOD.chain) // 2]

UNUSABLE: dict[str, tuple[Files, str]] = {
    "another's key": ({**files(OTHER), "tls.key": GOOD.key}, "tls.key is not the key of tls.crt"),
    "half a certificate": ({**files(GOOD), "tls.crt": HALF}, "tls.crt or tls.key is incomplete"),
    "a chain that breaks off": ({**files(GOOD), "tls.crt": GOOD.chain + HALF}, "tls.crt or tls.key is incomplete"),
    "an empty key": ({**files(GOOD), "tls.key": "\n"}, "tls.key is empty"),
    "no authority, as with ACME": ({**files(GOOD), "ca.crt": ""}, "ca.crt is empty"),
    "an encrypted key": (
        {**files(GOOD), "tls.key": encrypted(GOOD.key)},
        "tls.crt or tls.key is incomplete, encrypted",
    ),
    "half an authority": ({**files(GOOD), "ca.crt": GOOD.authorities[:200]}, "ca.crt is incomplete"),
    "not text": ({**files(GOOD), "ca.crt": "ß"}, "can't decode byte"),
    "a missing file": ({name: text for name, text in files(GOOD).items() if name != "tls.key"}, "tls.key"),
    "another's authority": ({**files(OTHER), "ca.crt": GOOD.authorities}, "who trusts its ca.crt would refuse it"),
    "another name": (files(issued("elsewhere.example.com")), "not valid for 'dagy-api.dagy-system.svc'"),
    "over": (files(issued(years_ago=1)), "certificate has expired"),
}


def keeper_of(folder: Path) -> CertificateKeeper:
    """It must not speak to the API server, so it has none."""
    settings = ApiTlsSettings.model_construct(tls_directory=str(folder))
    return CertificateKeeper(cast(KubeApi, None), settings, published_by_others)


def served(keeper: CertificateKeeper) -> str:
    """The certificate that a client is shown that asks for no name and trusts anybody, as PEM."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = anybody.wrap_bio(to_client, to_server)
    server = keeper.context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server):
        with pytest.raises(ssl.SSLWantReadError):
            side.do_handshake()
    client.do_handshake()
    return ssl.DER_cert_to_PEM_cert(cast(bytes, client.getpeercert(binary_form=True)))


@pytest.mark.parametrize(("wrong", "sentence"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_is_no_use_at_the_start_is_said(tmp_path: Path, wrong: Files, sentence: str) -> None:
    mounted = Mounted.at(tmp_path / "tls", wrong)
    with pytest.raises(UnusableCertificateError) as caught:
        asyncio.run(keeper_of(mounted.folder).look())
    assert sentence in str(caught.value)
    assert f"Have a certificate for {HOSTS[0]} written there" in str(caught.value)


@pytest.mark.parametrize(("wrong", "sentence"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_is_no_use_later_leaves_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, wrong: Files, sentence: str
) -> None:
    mounted = Mounted.at(tmp_path / "tls", files(GOOD))
    keeper = keeper_of(mounted.folder)
    asyncio.run(keeper.look())
    mounted.swap(wrong)
    for _ in range(3):
        asyncio.run(keeper.look())
    assert served(keeper) == GOOD.chain
    assert keeper.authorities == GOOD.authorities
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert sentence in warning, "once, not at every look"
    assert "still served" in warning
    assert GOOD.key not in warning
    mounted.swap(files(OTHER))
    asyncio.run(keeper.look())
    assert served(keeper) == OTHER.chain
    assert keeper.authorities == OTHER.authorities


def test_another_kind_of_key_replaces_the_one_before(tmp_path: Path) -> None:
    """OpenSSL keeps a certificate for each kind of key, and a client's preference would decide between old and new."""
    mounted = Mounted.at(tmp_path / "tls", files(GOOD))
    keeper = keeper_of(mounted.folder)
    for given in (GOOD, with_rsa_key(GOOD), OTHER, with_rsa_key(OTHER)):
        mounted.swap(files(given))
        asyncio.run(keeper.look())
        assert served(keeper) == given.chain


def test_files_without_the_kubelets_links_are_fine(tmp_path: Path) -> None:
    for name, text in files(GOOD).items():
        (tmp_path / name).write_text(text)
    keeper = keeper_of(tmp_path)
    asyncio.run(keeper.look())
    assert served(keeper) == GOOD.chain


@dataclass
class Process:
    """`python -m dagy.web`."""

    port: int
    log: Path
    running: subprocess.Popen[bytes]

    @property
    def leaf(self) -> str:
        return ssl.get_server_certificate(("127.0.0.1", self.port), timeout=10)

    def until(self, what: str, test: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                if test():
                    return
            except OSError:
                pass  # it does not listen yet
            assert self.running.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f"never {what}: {self.log.read_text()}"
            time.sleep(0.1)  # between two looks


@contextmanager
def process(kubeconfig: Path, directory: Path, log: Path) -> Iterator[Process]:
    """With the account's kubeconfig; S3 is in the environment already."""
    port = free_port()
    environment = {
        **os.environ,
        "KUBECONFIG": str(kubeconfig),
        "DAGY_S3_BUCKET": BUCKET,
        "DAGY_API_HOST": "127.0.0.1",
        "DAGY_API_PORT": str(port),
        "DAGY_METRICS_PORT": "0",
        "DAGY_TLS_DIRECTORY": str(directory),
        "DAGY_TLS_CHECK_SECONDS": "1",
    }
    with log.open("wb") as output:
        command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "dagy.web"]
        running = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        yield Process(port, log, running)
    finally:
        running.terminate()
        running.wait(40)


def kept_elsewhere(server: Server) -> list[str]:
    """Versions of what the replicas write when they keep certificates themselves."""
    kinds = ("secret/dagy-api-tls", "mutatingwebhookconfiguration/dagy-attach", "validatingwebhookconfiguration/dagy-attach")  # fmt: skip
    return [server("get", one, "-n", SYSTEM, "-o", "jsonpath={.metadata.resourceVersion}")[0] for one in kinds]


@pytest.mark.apiserver
def test_a_replica_serves_what_is_mounted_and_leaves_the_rest_alone(world: World, tmp_path: Path) -> None:
    before = kept_elsewhere(world.server)
    mounted = Mounted.at(tmp_path / "tls", files(GOOD))
    with process(world.server.account(tmp_path, "dagy-api"), mounted.folder, tmp_path / "log") as replica:
        replica.until("served the first", lambda: replica.leaf == GOOD.chain)
        trusting_first = ssl.create_default_context(cadata=GOOD.authorities)
        with httpx.Client(base_url=f"https://127.0.0.1:{replica.port}", verify=trusting_first) as client:
            assert client.get("/healthz").status_code == 200
            mounted.swap({**files(OTHER), "tls.key": GOOD.key})
            replica.until("complained", lambda: "tls.key is not the key of tls.crt" in replica.log.read_text())
            assert replica.leaf == GOOD.chain
            mounted.swap({**files(OTHER), "tls.crt": OTHER.chain[:200]})
            replica.until("complained", lambda: "tls.crt or tls.key is incomplete" in replica.log.read_text())
            assert replica.leaf == GOOD.chain
            mounted.swap(files(OTHER))
            replica.until("served the second", lambda: replica.leaf == OTHER.chain)
            assert client.get("/healthz").status_code == 200, "connections that there are go on"
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"https://127.0.0.1:{replica.port}/healthz", verify=trusting_first)
        trusting_second = ssl.create_default_context(cadata=OTHER.authorities)
        assert httpx.get(f"https://localhost:{replica.port}/healthz", verify=trusting_second).status_code == 200
    assert "PRIVATE KEY" not in replica.log.read_text()
    published = world.server("get", "configmap", "dagy-api-authority", "-n", SYSTEM, "-o", "json")[0]
    assert json.loads(published)["data"]["ca.crt"] == OTHER.authorities, "by which pods know it"
    assert kept_elsewhere(world.server) == before


@pytest.fixture(scope="module")
def overlay() -> list[dict[str, Any]]:
    """What the overlay for cert-manager comes to."""
    kubectl = str(current_layout().bin / "kubectl")
    built = subprocess.run([kubectl, "kustomize", str(OVERLAY)], check=True, capture_output=True, text=True, timeout=60)
    return [document for document in yaml.safe_load_all(built.stdout) if document]


def one(overlay: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = [d for d in overlay if (d["kind"], d["metadata"]["name"]) == (kind, name)]
    return found


@pytest.mark.apiserver
@pytest.mark.parametrize(("name", "hosts"), [("dagy-api", HOSTS), ("dagy-webhook", AttachSettings().hosts)])
def test_names_in_the_overlay_fit_together(overlay: list[dict[str, Any]], name: str, hosts: tuple[str, ...]) -> None:
    certificate = one(overlay, "Certificate", name)["spec"]
    assert tuple(certificate["dnsNames"] + certificate["ipAddresses"]) == hosts
    authority = one(overlay, "Certificate", "dagy-authority")["spec"]
    issuer = one(overlay, "Issuer", certificate["issuerRef"]["name"])
    assert issuer["spec"]["ca"]["secretName"] == authority["secretName"]
    assert one(overlay, "Issuer", authority["issuerRef"]["name"])["spec"] == {"selfSigned": {}}
    assert {d["metadata"]["namespace"] for d in overlay if d["apiVersion"] == "cert-manager.io/v1"} == {SYSTEM}

    pod = one(overlay, "Deployment", name)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (volume,) = [v for v in pod["volumes"] if v.get("secret", {}).get("secretName") == certificate["secretName"]]
    (mount,) = [m for m in container["volumeMounts"] if m["name"] == volume["name"]]
    assert one(overlay, "ConfigMap", name)["data"]["DAGY_TLS_DIRECTORY"] == mount["mountPath"]
    assert not [d for d in overlay if d["metadata"]["name"] == f"{name}-tls"]


@pytest.mark.apiserver
def test_the_overlay_needs_no_rights_to_certificates(overlay: list[dict[str, Any]]) -> None:
    for kind in ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"):
        annotations = one(overlay, kind, "dagy-attach")["metadata"]["annotations"]
        assert annotations == {"cert-manager.io/inject-ca-from": f"{SYSTEM}/dagy-webhook"}
    servers = [
        d
        for d in overlay
        if d["kind"] in ("Role", "ClusterRole") and d["metadata"]["name"].startswith(("dagy-api", "dagy-webhook"))
    ]
    rules = [rule for role in servers for rule in role["rules"]]
    assert not [r for r in rules if "secrets" in r["resources"] or "admissionregistration.k8s.io" in r["apiGroups"]]
    (written,) = [r for r in rules if "patch" in r["verbs"]]
    assert written["resourceNames"] == ["dagy-api-authority"], "what the API is known by, and nothing else"


@pytest.mark.apiserver
def test_the_server_takes_the_overlay(overlay: list[dict[str, Any]], world: World) -> None:
    """All but what needs cert-manager's own kinds."""
    items = [document for document in overlay if document["apiVersion"] != "cert-manager.io/v1"]
    for one in items:  # the world's own webhooks have a URL in the place of the Service
        if one["kind"].endswith("WebhookConfiguration"):
            one["metadata"]["name"] += "-as-made"
    bundle = {"apiVersion": "v1", "kind": "List", "items": items}
    options = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    world.server("apply", *options, "-f", "-", stdin=bundle)
