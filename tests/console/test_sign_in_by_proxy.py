"""The way in of manifests/overlays/oidc-proxy: a real oauth2-proxy with the overlay's own settings, the API as it is served over
TLS, an issuer, and an API server that trusts it."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.cluster import pki
from tests.cluster.controlplane import trust
from tests.cluster.doctor import free_port
from tests.cluster.layout import current_layout
from tests.console import given
from tests.console.visit import WIDE, Visit
from tests.fakes.api import Users, unique
from tests.fakes.issuer import CLIENT, SECRET, Issuer, issuing
from tests.fakes.tls import Served, served, until

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]

SETTINGS = Path(__file__).parents[2] / "manifests/overlays/oidc-proxy/oauth2-proxy.cfg"
ANA, BEN = "ana@example.com", "ben@example.com"
THEIRS = {ANA: "proxied-ana", BEN: "proxied-ben"}
"""Namespaces, by who may edit packages there."""


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory, kubeconfig: str, users: Users) -> Iterator[Issuer]:
    """It signs in Ana and Ben, and the cluster takes its tokens."""
    folder, people = tmp_path_factory.mktemp("issuer"), {ANA: ["ml"], BEN: ["etl"]}
    with issuing(folder, people) as issuer, trust(Path(kubeconfig).parent, issuer.url, issuer.authority, CLIENT):
        until(lambda: _accepted(users, issuer))
        for person, namespace in THEIRS.items():
            users.kubectl("create", "namespace", namespace)
            for role in ("dagy-view", "dagy-package-edit"):
                grant = f"--clusterrole={role}", f"--user=oidc:{person}", f"--namespace={namespace}"
                users.kubectl("create", "rolebinding", role, *grant)
            given.package(users, f"of-{namespace}", phase="COMPLETED", namespace=namespace)
        yield issuer


def _accepted(users: Users, issuer: Issuer) -> bool:
    config = json.loads(Path(users.kubeconfig).read_text())["clusters"][0]["cluster"]
    authority = base64.b64decode(config["certificate-authority-data"]).decode()
    headers = {"Authorization": f"Bearer {issuer.id_token(ANA)}"}
    return _get(f"{config['server']}/api", authority, **headers).status_code != 401


def _get(url: str, authority: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers=headers, verify=ssl.create_default_context(cadata=authority), timeout=10)


@pytest.fixture(scope="module")
def served_api(kubeconfig: str, users: Users, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The API's process."""
    with served(kubeconfig, tmp_path_factory.mktemp("served"), DAGY_SEARCH="false") as served_api:
        yield served_api


@pytest.fixture(scope="module")
def proxy(issuer: Issuer, served_api: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The proxy's address."""
    with _proxied(issuer, served_api, tmp_path_factory.mktemp("proxy")) as address:
        yield address


@contextmanager
def _proxied(issuer: Issuer, api: Served, folder: Path) -> Iterator[str]:
    port, authority = free_port(), pki.new_authority("authority of the proxy")
    address = f"https://127.0.0.1:{port}"
    key, certificate = pki.issue(authority, "proxy", hosts=["127.0.0.1"])
    for name, content in (
        ("tls.key", key), ("tls.crt", certificate), ("proxy.crt", authority.pem),
        ("issuer.crt", issuer.authority), ("api.crt", api.authority.encode()),
    ):  # fmt: skip
        (folder / name).write_bytes(content)
    text = SETTINGS.read_text()
    for before, here in (
        ("https://issuer.example.com", issuer.url),
        ("https://console.dagy.example.com", address),
        ("https://dagy-api.dagy-system.svc", api.url),
    ):
        assert before in text
        text = text.replace(before, here)
    # Where the overlay has an Ingress before it, which ends TLS, here it does so itself.
    text = re.sub(r"^http_address = .*$", f'https_address = "127.0.0.1:{port}"', text, flags=re.MULTILINE)
    (folder / "oauth2-proxy.cfg").write_text(text)
    argv = ["setpriv", "--pdeathsig", "KILL", str(current_layout().bin / "oauth2-proxy")]
    argv += [
        f"--config={folder}/oauth2-proxy.cfg",
        f"--tls-cert-file={folder}/tls.crt",
        f"--tls-key-file={folder}/tls.key",
    ]
    environment = {
        "OAUTH2_PROXY_CLIENT_ID": CLIENT,
        "OAUTH2_PROXY_CLIENT_SECRET": SECRET,
        "OAUTH2_PROXY_COOKIE_SECRET": secrets.token_urlsafe(24),
        "OAUTH2_PROXY_HTTP_ADDRESS": f"127.0.0.1:{free_port()}",
        "SSL_CERT_DIR": f"/etc/ssl/certs:{folder}",
        "PATH": os.environ["PATH"],
    }
    log = folder / "proxy.log"
    with log.open("wb") as output:
        running = subprocess.Popen(argv, env=environment, stdout=output, stderr=output)
    try:

        def answers() -> bool:
            assert running.poll() is None, log.read_text()
            return _get(f"{address}/ready", authority.pem.decode()).is_success

        until(answers)
        yield address
    finally:
        running.terminate()
        running.wait(20)
        print(log.read_text())


@contextmanager
def visiting(browser: Browser, api: Served, axe: str) -> Iterator[Visit]:
    """Somebody new, whose browser trusts the certificates of this test."""
    with browser.new_context(viewport=WIDE, ignore_https_errors=True, locale="en-GB") as context:
        visit = Visit(context.new_page(), api, axe)  # type: ignore[arg-type]
        visit.hear()
        try:
            yield visit
        finally:
            print(*visit.complaints, sep="\n")
        visit.check_complaints()


def signed_in(page: Page, proxy: str, person: str, path: str = "") -> Page:
    page.goto(f"{proxy}/console/{path}")
    expect(page.get_by_role("heading", name="Who are you?")).to_be_visible()
    page.get_by_role("link", name=person).click()
    expect(page.get_by_role("button", name=f"You are oidc:{person}")).to_be_visible()
    return page


@pytest.mark.parametrize("person", [ANA, BEN])
def test_one_signs_in_at_the_issuer_and_sees_the_own_packages(
    browser: Browser, served_api: Served, axe: str, proxy: str, person: str
) -> None:
    own = THEIRS[person]
    (others,) = {*THEIRS.values()} - {own}
    with visiting(browser, served_api, axe) as visit:
        page = signed_in(visit.page, proxy, person)
        expect(page).to_have_url(re.compile(re.escape(f"{proxy}/console/")))
        expect(page.get_by_role("link", name=f"of-{own}", exact=True)).to_be_visible()
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        page.get_by_role("button", name="You are").click()
        expect(page.get_by_text("Signed in by a proxy")).to_be_visible()
        assert page.get_by_label("Namespace").get_by_role("option").all_inner_texts() == ["All namespaces", own]
        visit.expected = [r"status of 40[34]"]
        page.goto(f"{proxy}/console/packages?ns={others}")
        expect(page.get_by_text(f"There is no namespace {others} whose packages you may see.")).to_be_visible()
        page.goto(f"{proxy}/console/packages/{others}/of-{others}")
        expect(page.get_by_role("heading", name="There is no such package")).to_be_visible()


def test_what_happens_comes_through_the_proxy_at_once(
    browser: Browser, served_api: Served, axe: str, proxy: str, users: Users
) -> None:
    name = unique("live")
    with visiting(browser, served_api, axe) as visit:
        page = signed_in(visit.page, proxy, ANA, f"packages?ns={THEIRS[ANA]}")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        given.package(users, name, phase="INSTALLING", namespace=THEIRS[ANA], settled=False)
        line = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
        expect(line).to_contain_text("INSTALLING")
        given.tell(users, name, {"phase": "COMPLETED"}, THEIRS[ANA])
        expect(line).to_contain_text("COMPLETED")


def test_a_change_is_made_with_the_users_own_rights_and_for_no_other_site(
    browser: Browser, served_api: Served, axe: str, proxy: str, users: Users
) -> None:
    name = unique("kept")
    with visiting(browser, served_api, axe) as visit:
        page = signed_in(visit.page, proxy, ANA, f"new?ns={THEIRS[ANA]}")
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_label("Search PyPI").fill("idna==3.10")
        page.get_by_label("Search PyPI").press("Enter")
        expect(page.get_by_text("1 of 200")).to_be_visible()
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page).to_have_url(f"{proxy}/console/packages/{THEIRS[ANA]}/{name}")
        visit.expected = [r"status of (404|501)"]  # no index is searched here
        made = json.loads(users.kubectl("get", "deppackage", name, f"--namespace={THEIRS[ANA]}", "-o", "json"))
        assert made["spec"]["dependencies"] == ["idna==3.10"]
        cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies(proxy)}
        sent = {
            "Cookie": "; ".join(f"{key}={value}" for key, value in cookies.items()),
            "Origin": "https://evil.example",
        }
        answer = httpx.post(f"{proxy}/dep-packages/{THEIRS[ANA]}/{name}:build", headers=sent, verify=False)
        assert (answer.status_code, answer.json()["code"]) == (403, "CrossOrigin")
        del sent["Origin"]
        assert httpx.get(f"{proxy}/whoami", headers=sent, verify=False).json()["username"] == f"oidc:{ANA}"


def test_without_a_session_nothing_is_to_be_had(proxy: str, issuer: Issuer) -> None:
    page = httpx.get(f"{proxy}/console/", verify=False)
    assert page.status_code == 302
    assert page.headers["location"].startswith(f"{issuer.url}/authorize?")
    asked = httpx.get(f"{proxy}/whoami", headers={"Accept": "application/json"}, verify=False)
    assert asked.status_code == 401


def test_a_session_that_has_ended_is_told_and_taken_up_again(
    browser: Browser, served_api: Served, axe: str, proxy: str
) -> None:
    with visiting(browser, served_api, axe) as visit:
        page = signed_in(visit.page, proxy, ANA, f"new?ns={THEIRS[ANA]}")
        page.get_by_label("Name", exact=True).fill("Half done")
        page.context.clear_cookies()
        visit.expected = [r"status of 401", r"status of 501"]
        page.get_by_label("Search PyPI").fill("idna")
        dialog = page.get_by_role("dialog", name="Your session has ended")
        expect(dialog).to_be_visible()
        dialog.get_by_role("button", name="Sign in again").click()
        page.get_by_role("link", name=ANA).click()
        expect(page.get_by_label("Name", exact=True)).to_have_value("Half done")
