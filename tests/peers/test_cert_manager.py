"""The overlay for cert-manager with the real one: issued, renewed without a gap, and what happens while it is away.

Real are API server, cert-manager with its cainjector, API and webhook; played is the kubelet, which mounts the Secrets.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dagy_builder.storage.store import ObjectStore
from tests.cluster.controlplane import control_plane
from tests.cluster.layout import current_layout
from tests.fakes.webhook import Server
from tests.peers.administrator import Administrator
from tests.peers.cert_manager import MOUNTED_AFTER, Installation, Served, Watch, cert_manager, servers, until

pytestmark = [pytest.mark.peers, pytest.mark.long_build]
API, WEBHOOK, AUTHORITY = "dagy-api", "dagy-webhook", "dagy-authority"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The overlay, where replicas have kept their own certificates before."""
    if not (current_layout().bin / "cert-manager").exists():
        pytest.fail("cert-manager is missing: run `make test-peers`, which builds it.")
    folder = tmp_path_factory.mktemp("cert-manager")
    with control_plane(current_layout(), folder) as kubeconfig:
        at = Installation(Server(kubeconfig), Administrator(kubeconfig), folder)
        at.prepare()
        yield at
        at.admin.close()


@pytest.fixture
def issuing(installed: Installation) -> Iterator[Installation]:
    """With cert-manager."""
    with cert_manager(installed.server.kubeconfig, installed.folder / "cert-manager.log"):
        installed.apply()
        for name in (AUTHORITY, API, WEBHOOK):
            until(f"{name} is ready", lambda name=name: installed.ready(name))
        yield installed


def known(at: Installation) -> bool:
    """Return True when the API server trusts the webhook's certificate, and pods and users trust the API's."""
    webhook, api = at.secret("dagy-webhook-certificate"), at.secret("dagy-api-certificate")
    # caBundle keeps authorities of before (CAInjectorMerging), which is what leaves no gap when there is a new one.
    return all(webhook["ca.crt"] in bundle for bundle in at.bundles()) and at.published() == api["ca.crt"]


def serve_newest(at: Installation, api: Served, webhook: Served) -> bool:
    return api.serves(at.secret("dagy-api-certificate")) and webhook.serves(at.secret("dagy-webhook-certificate"))


def test_what_is_issued_is_served_and_trusted(issuing: Installation, objects: ObjectStore) -> None:
    with servers(issuing) as (api, webhook):
        until("caBundle is injected, and the API's authority published", lambda: known(issuing))
        assert "has the slug NOPE0000" in issuing.refusal()
        assert not api.known_by(issuing.published())
        assert not webhook.known_by(issuing.bundles()[0])
        # As Flux does each few minutes: what cert-manager wrote stays.
        issuing.apply()
        assert known(issuing)
        assert "PRIVATE KEY" not in api.log.read_text() + webhook.log.read_text()


@pytest.mark.parametrize("what", ["certificates", "authority", "lost authority"])
def test_a_renewal_leaves_no_gap_and_needs_no_restart(issuing: Installation, objects: ObjectStore, what: str) -> None:
    """Of the certificates alone; of the authority, with the same key; and of all, with another one."""
    with servers(issuing) as (api, webhook):
        until("known", lambda: known(issuing))
        with Watch(issuing, api, webhook) as watch:
            if what == "authority":
                issuing.renew(AUTHORITY)
            elif what == "lost authority":
                issuing.delete_secret(AUTHORITY)
                until("there is a new one", lambda: "tls.crt" in issuing.secret(AUTHORITY) and issuing.ready(AUTHORITY))
            for name in (API, WEBHOOK):
                issuing.renew(name)
            until("the newest are served", lambda: serve_newest(issuing, api, webhook))
            until("known again", lambda: known(issuing))
            before = watch.looks
            until("looked once more", lambda: watch.looks > before + 1)
        assert watch.gaps == []
        assert watch.looks > MOUNTED_AFTER, "about one a second"
        assert issuing.secret("dagy-webhook-certificate")["ca.crt"] == issuing.secret(AUTHORITY)["tls.crt"]


def test_a_lost_certificate_is_issued_again(issuing: Installation, objects: ObjectStore) -> None:
    with servers(issuing) as (api, webhook):
        until("known", lambda: known(issuing))
        with Watch(issuing, api, webhook) as watch:
            issuing.delete_secret("dagy-webhook-certificate")
            until("it is there", lambda: "tls.crt" in issuing.secret("dagy-webhook-certificate"))
            until("it is served", lambda: serve_newest(issuing, api, webhook))
        assert watch.gaps == []


def test_without_cert_manager_all_goes_on_until_the_end_of_what_there_is(
    installed: Installation, objects: ObjectStore
) -> None:
    with cert_manager(installed.server.kubeconfig, installed.folder / "cert-manager.log"):
        installed.apply()
        until("issued", lambda: installed.ready(API) and installed.ready(WEBHOOK))
        with servers(installed):
            until("known", lambda: known(installed))
    with servers(installed) as (api, webhook), Watch(installed, api, webhook) as watch:  # replicas that start anew
        installed.apply()
        until("looked", lambda: watch.looks > 3)
    assert watch.gaps == []
    installed.delete_secret("dagy-api-certificate")
    assert installed.secret("dagy-api-certificate") == {}
    with cert_manager(installed.server.kubeconfig, installed.folder / "cert-manager.log"):
        until("made up for", lambda: "tls.crt" in installed.secret("dagy-api-certificate"))
        with servers(installed) as (api, _):
            until("known", lambda: known(installed))
            assert not api.known_by(installed.published())
