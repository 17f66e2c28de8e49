"""The overlay for cert-manager with the real one: issued, renewed without a gap, and what happens while it is away.

Real are API server, cert-manager with its cainjector, API and webhook; played is the kubelet, which mounts the Secrets.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

from dagy_builder.storage.store import ObjectStore
from tests.cluster.controlplane import control_plane
from tests.cluster.layout import current_layout
from tests.fakes.webhook import Server
from tests.peers.administrator import Administrator
from tests.peers.cert_manager import Installation, Served, Watch, cert_manager, servers, until

pytestmark = [pytest.mark.peers, pytest.mark.long_build]
API, WEBHOOK, AUTHORITY = "dagy-api", "dagy-webhook", "dagy-authority"


@dataclass
class World:
    """One installation with all that runs in it; what is served goes on from test to test, without a restart."""

    at: Installation
    api: Served
    webhook: Served
    manager: ExitStack

    def start_manager(self) -> None:
        """Start cert-manager."""
        self.manager.enter_context(cert_manager(self.at.server.kubeconfig, self.at.folder / "cert-manager.log"))

    def is_known(self) -> bool:
        """Return True when the API server trusts the webhook's certificate, and pods and users trust the API's."""
        webhook, api = self.at.secret("dagy-webhook-certificate"), self.at.secret("dagy-api-certificate")
        # caBundle keeps authorities of before (CAInjectorMerging), which is what leaves no gap when there is a new one.
        bundled = all(webhook["ca.crt"] in bundle for bundle in self.at.bundles())
        return bundled and self.at.published() == api["ca.crt"]

    def serves_newest(self) -> bool:
        secrets = [self.at.secret(f"dagy-{name}-certificate") for name in ("api", "webhook")]
        return self.api.serves(secrets[0]) and self.webhook.serves(secrets[1])

    @contextmanager
    def watched(self) -> Iterator[Watch]:
        """Return when the newest certificates are served and trusted; no look in between may have found a gap."""
        with Watch(self.at, self.api, self.webhook) as watch:
            yield watch
            until("the newest are served", self.serves_newest)
            until("they are known", self.is_known)
            before = watch.looks
            until("looked once more", lambda: watch.looks > before + 1)
        assert watch.gaps == []


@pytest.fixture(scope="module")
def world(objects: ObjectStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The overlay with cert-manager."""
    if not (current_layout().bin / "cert-manager").exists():
        pytest.fail("cert-manager is missing: run `make test-peers`, which builds it.")
    folder = tmp_path_factory.mktemp("cert-manager")
    with control_plane(current_layout(), folder) as kubeconfig, ExitStack() as manager:
        at = Installation(Server(kubeconfig), Administrator(kubeconfig), folder)
        at.prepare()
        manager.enter_context(cert_manager(kubeconfig, folder / "cert-manager.log"))
        at.apply()
        for name in (AUTHORITY, API, WEBHOOK):
            until(f"{name} is ready", lambda name=name: at.ready(name))  # type: ignore[misc]
        with servers(at) as (api, webhook):
            made = World(at, api, webhook, manager)
            until("the first are known", made.is_known)
            yield made
        at.admin.close()


def test_what_is_issued_is_served_and_trusted(world: World) -> None:
    assert "has the slug NOPE0000" in world.at.refusal()
    assert not world.api.known_by(world.at.published())
    assert not world.webhook.known_by(world.at.bundles()[0])
    # As Flux does each few minutes: what cert-manager wrote stays.
    world.at.apply()
    assert world.is_known()
    assert "PRIVATE KEY" not in world.api.log.read_text() + world.webhook.log.read_text()


@pytest.mark.parametrize("what", ["certificates", "authority", "lost authority"])
def test_a_renewal_leaves_no_gap_and_needs_no_restart(world: World, what: str) -> None:
    """Of the certificates alone; of the authority, with the same key; and of all, with another one."""
    at = world.at
    with world.watched():
        if what == "authority":
            at.renew(AUTHORITY)
        elif what == "lost authority":
            at.delete_secret(AUTHORITY)
            until("there is a new one", lambda: "tls.crt" in at.secret(AUTHORITY) and at.ready(AUTHORITY))
        for name in (API, WEBHOOK):
            at.renew(name)
    assert at.secret("dagy-webhook-certificate")["ca.crt"] == at.secret(AUTHORITY)["tls.crt"]


def test_a_lost_certificate_is_issued_again(world: World) -> None:
    with world.watched():
        world.at.delete_secret("dagy-webhook-certificate")
        until("it is there", lambda: "tls.crt" in world.at.secret("dagy-webhook-certificate"))


def test_without_cert_manager_all_goes_on_and_what_was_lost_is_made_up_for(world: World) -> None:
    world.manager.close()
    with world.watched() as watch:
        world.at.apply()
        until("looked", lambda: watch.looks > 3)
    with world.watched() as watch:
        world.at.delete_secret("dagy-api-certificate")
        until("looked again", lambda: watch.looks > 3)
        assert world.at.secret("dagy-api-certificate") == {}
        world.start_manager()
        until("it is there", lambda: "tls.crt" in world.at.secret("dagy-api-certificate"))
