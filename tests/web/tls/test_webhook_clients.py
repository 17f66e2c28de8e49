"""Who gets an answer from the webhook, and how much of one; and what its requests may cost."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from dagy.adapters.kube.api import KubeApi
from dagy.adapters.settings.attach import AttachSettings
from dagy.core.attach.ways import Cluster
from dagy.web.attach.admission import Admission
from dagy.web.attach.webhook import review_app
from dagy.web.tls.authorities import ApiAuthority
from dagy.web.tls.webhook_clients import Clients
from dagy_builder.contract import Fault, Reason
from dagy_builder.storage.errors import StorageError
from tests.cluster import pki
from tests.cluster.doctor import free_port
from tests.fakes.webhook import SYSTEM, TEAM, Replica, World, pod

SECRET_MESSAGE = "acme-internal 4.1 needs acme-core<2"


@pytest.fixture(scope="module")
def packages(world: World) -> World:
    world.package("TOLD0001", "a" * 64, versions={"idna": "3.6"}, files={"idna/__init__.py": "a"})
    world.package("TOLD0002", "b" * 64, phase="INVALID", message=SECRET_MESSAGE)
    return world


def review(thing: dict[str, Any]) -> bytes:
    asked = {"uid": "1", "operation": "CREATE", "namespace": TEAM, "object": thing}
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked}).encode()


def deployment(slugs: str) -> dict[str, Any]:
    template = pod("x", slugs)
    return {"kind": "Deployment", "spec": {"template": {"metadata": template["metadata"], "spec": template["spec"]}}}


@contextmanager
def another(world: World, settings: AttachSettings) -> Iterator[Replica]:
    """A replica with other settings, on a port of its own, in the loop of the world's."""
    port = free_port()
    replica = Replica(settings, world.replica.kubeconfig, world.bucket, port, world.replica.loop)
    api: KubeApi = world.keeper._api
    keeper = replica.keeper(api, settings)
    replica.run(keeper.look())
    authority = ApiAuthority(api, SYSTEM)
    replica.run(authority.look())
    server = replica.server(api, keeper, authority, settings)
    task = asyncio.run_coroutine_threadsafe(server.serve(), replica.loop)
    while not server.started and not task.done():
        replica.run(asyncio.sleep(0.01))
    try:
        yield replica
    finally:
        server.should_exit = True
        task.result(30)


def ask(
    world: World, replica: Replica, path: str, body: bytes, certificate: ssl.SSLContext | None = None
) -> httpx.Response:
    trust = certificate or ssl.create_default_context()
    trust.load_verify_locations(cadata=world.keeper.authorities)
    return httpx.post(f"https://127.0.0.1:{replica.port}/admission/{path}", content=body, verify=trust, timeout=60)


@pytest.mark.apiserver
def test_whoever_may_not_be_the_api_server_learns_nothing_of_packages(packages: World) -> None:
    with another(packages, AttachSettings()) as replica:
        refused = ask(packages, replica, "pods", review(pod("x", "TOLD0002"))).json()["response"]
        unknown = ask(packages, replica, "pods", review(pod("x", "NEVER001"))).json()["response"]
        warned = ask(packages, replica, "workloads", review(deployment("TOLD0002"))).json()["response"]
        attached = ask(packages, replica, "pods", review(pod("x", "TOLD0001"))).json()["response"]
    assert refused["status"] == {
        "code": 403,
        "reason": "Forbidden",
        "message": "Packages TOLD0002 can't be attached to this pod; `dagy packages show` says how they are, and why is "
        "told here once the administrator has set DAGY_WEBHOOK_CLIENTS (docs/security.md).",
    }
    assert unknown["status"]["message"].replace("NEVER001", "TOLD0002") == refused["status"]["message"]
    assert warned["allowed"]
    assert "INVALID" not in str(warned)
    assert attached["allowed"], "pods start all the same"
    assert "p-told0001" not in str(attached)


@pytest.mark.apiserver
def test_others_than_the_named_networks_get_one_sentence(packages: World) -> None:
    with another(packages, AttachSettings(webhook_clients="192.0.2.0/24, 2001:db8::/32")) as replica:
        answer = ask(packages, replica, "pods", review(pod("x", "TOLD0002")))
    assert answer.status_code == 403
    assert answer.text == (
        "This webhook answers the API server only. DAGY_WEBHOOK_CLIENTS has no network with the address 127.0.0.1."
    )


@pytest.mark.apiserver
def test_with_a_client_authority_only_its_certificates_get_an_answer(packages: World, tmp_path: Path) -> None:
    for name in ("ours", "others"):
        pki.write_control_plane(tmp_path / name, ["127.0.0.1"])

    def client(name: str) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.load_cert_chain(tmp_path / name / "front-proxy-client.crt", tmp_path / name / "front-proxy-client.key")
        return context

    settings = AttachSettings(
        webhook_client_ca=str(tmp_path / "ours/front-proxy-ca.crt"), webhook_client_names="other, front-proxy-client"
    )
    with another(packages, settings) as replica:
        told = ask(packages, replica, "pods", review(pod("x", "TOLD0002")), client("ours"))
        assert SECRET_MESSAGE in told.json()["response"]["status"]["message"]
        for wrong in (None, client("others")):
            with pytest.raises(httpx.TransportError):
                ask(packages, replica, "pods", review(pod("x", "TOLD0002")), wrong)
    with another(packages, settings.model_copy(update={"webhook_client_names": "somebody"})) as replica:
        assert ask(packages, replica, "pods", review(pod("x", "TOLD0002")), client("ours")).status_code == 403


class Lookup:
    """Packages can't be asked for."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def packages(self, _request: object) -> dict[str, Any]:
        raise self._error


def admission_of(lookup: Lookup) -> Admission:
    settings = AttachSettings()
    return Admission(
        lookup,  # type: ignore[arg-type]
        lambda: settings.init_container("pem"),
        settings.image_volumes,
        Cluster,
        tell=True,
    )


AWAY = [
    StorageError(Reason.STORAGE_UNREACHABLE, "S3 does not answer.", Fault.INFRASTRUCTURE),
    ConnectionRefusedError("connection refused"),
    TimeoutError(),
    RuntimeError("a bug"),
]


@pytest.mark.parametrize("error", AWAY, ids=lambda e: type(e).__name__)
def test_workloads_are_warned_and_never_refused_while_something_is_away(error: Exception) -> None:
    admission = admission_of(Lookup(error))

    async def both() -> tuple[Any, Any]:
        workload = await admission.workloads(review(deployment("AAAAAAA1,AAAAAAA2")))
        pods = await admission.pods(review(pod("x", "AAAAAAA1,AAAAAAA2")))
        return json.loads(bytes(workload.body))["response"], json.loads(bytes(pods.body))["response"]

    workload, pods = asyncio.run(both())
    assert workload["allowed"]
    assert workload["warnings"][0].startswith("Whether its pods get their packages can't be told now. ")
    assert not pods["allowed"]
    assert pods["status"]["code"] == 503


HOSTILE = {
    "nested": (b"[" * 1_000_000, 413),
    "nested and whole": (b"[" * 300 + b"]" * 300, 413),
    "too many values": (b"[" + b"0," * 300_000 + b"0]", 413),
    "not text": (b"\xff\xfe", 400),
    "too large": (b'"' + b"x" * (8 << 20) + b'"', 413),
}


@pytest.mark.parametrize(("body", "status"), HOSTILE.values(), ids=HOSTILE)
def test_what_no_api_server_sends_is_answered_and_costs_little(
    body: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    admission = admission_of(Lookup(RuntimeError()))

    async def answer() -> int:
        transport = httpx.ASGITransport(review_app(admission, Clients.of(AttachSettings())))
        async with httpx.AsyncClient(transport=transport, base_url="https://webhook") as client:
            return (await client.post("/admission/pods", content=body)).status_code

    assert asyncio.run(answer()) == status
    assert not caplog.records, "strangers write no log"
