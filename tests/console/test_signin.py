"""Signing in: with a token that is pasted, by a proxy in front, and again when a session has ended."""

from __future__ import annotations

import base64
import json

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.given import NAMESPACE
from tests.console.visit import Visit
from tests.fakes.api import Api

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]
REFUSED = r"status of 401"


@pytest.fixture
def signing_in(visit: Visit, ana: str) -> Visit:
    visit.expected = [REFUSED]
    visit.open()
    expect(visit.page.get_by_role("heading", name="Sign in to DAGY")).to_be_visible()
    return visit


def paste(page: Page, token: str) -> None:
    page.get_by_label("Token", exact=True).fill(token)
    page.get_by_role("button", name="Sign in").click()


def test_a_token_is_asked_for_with_the_command_that_makes_one(signing_in: Visit) -> None:
    page = signing_in.page
    expect(page.get_by_text("kubectl create token ACCOUNT --namespace NAMESPACE --duration 8h")).to_be_visible()
    signing_in.shoot("sign-in")
    page.get_by_role("button", name="Copy the command").click()
    assert page.evaluate("() => navigator.clipboard.readText()").startswith("kubectl create token")


def test_who_has_pasted_it_is_shown_before_going_on(signing_in: Visit, ana: str) -> None:
    page, token = signing_in.page, signing_in.api.users.token(ana)
    paste(page, f"  Bearer {token}\n")
    expect(page.get_by_text(f"You are system:serviceaccount:default:{ana}")).to_be_visible()
    signing_in.shoot("sign-in-who")
    page.get_by_role("button", name="Continue").press("Enter")
    expect(page.get_by_role("heading", name="Dep Packages")).to_be_visible()
    assert page.evaluate("() => Object.keys(localStorage).filter((key) => localStorage[key].includes('eyJ'))") == []


def claims(text: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(text).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("token", "told"),
    [
        ("no-token-at-all", "This is no token of this cluster."),
        (f"eyJhbGciOiJSUzI1NiJ9.{claims({'exp': 4_000_000_000})}.c2ln", "This is no token of this cluster."),
        (f"eyJhbGciOiJSUzI1NiJ9.{claims({'exp': 1_600_000_000})}.c2ln", "This token has expired"),
    ],
    ids=["nonsense", "another cluster's", "expired"],
)
def test_tokens_that_are_refused_are_told_apart(signing_in: Visit, token: str, told: str) -> None:
    paste(signing_in.page, token)
    expect(signing_in.page.get_by_role("alert")).to_contain_text(told)
    if "expired" in told:
        signing_in.shoot("sign-in-expired")


def test_an_api_that_does_not_answer_is_no_matter_of_the_token(visit: Visit, ana: str) -> None:
    visit.expected = [r"failed: GET .*/whoami", r"ERR_CONNECTION_REFUSED"]
    visit.page.route("**/whoami", lambda route: route.abort("connectionrefused"))
    visit.sign_in(ana)
    expect(visit.page.get_by_role("alert")).to_contain_text("The API does not answer")
    visit.shoot("sign-in-unreachable")
    visit.page.unroute("**/whoami")
    visit.page.get_by_role("button", name="Try again").click()
    expect(visit.page.get_by_role("heading", name="Dep Packages")).to_be_visible()


def test_behind_a_proxy_nobody_is_asked(visit: Visit, ana: str) -> None:
    visit.page.set_extra_http_headers({"Authorization": f"Bearer {visit.api.users.token(ana)}"})
    visit.open(f"packages?ns={NAMESPACE}")
    expect(visit.page.get_by_role("link", name="ML Pipeline Deps")).to_be_visible()
    visit.page.get_by_role("button", name="You are").click()
    expect(visit.page.get_by_text("Signed in by a proxy")).to_be_visible()
    expect(visit.page.get_by_role("button", name="Sign out")).to_have_count(0)


def test_a_session_that_ends_loses_nothing(visit: Visit, ana: str) -> None:
    visit.expected = [REFUSED]
    refused = {"content_type": "application/problem+json", "status": 401, "body": json.dumps({"status": 401})}
    page = visit.sign_in(ana, f"packages?ns={NAMESPACE}&q=vision")
    expect(page.get_by_role("link", name="Vision")).to_be_visible()
    page.route("**/dep-packages*", lambda route: route.fulfill(**refused))  # type: ignore[arg-type]
    page.get_by_label("Namespace").select_option("")
    page.get_by_label("Namespace").select_option(NAMESPACE)
    dialog = page.get_by_role("dialog", name="Your session has ended")
    expect(dialog).to_be_visible()
    visit.shoot("session-ended")
    page.unroute("**/dep-packages*")
    other = visit.api.users.kubectl("create", "token", ana, "--duration=3h").strip()
    dialog.get_by_label("Token", exact=True).fill(other)
    dialog.get_by_role("button", name="Sign in").click()
    dialog.get_by_role("button", name="Continue").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("link", name="Vision")).to_be_visible()
    assert "q=vision" in page.url


def test_a_token_that_has_ended_meanwhile_is_told_of(visit: Visit) -> None:
    visit.expected = [REFUSED]
    visit.page.add_init_script("sessionStorage.setItem('dagy.token', 'eyJold')")
    visit.open()
    expect(visit.page.get_by_text("Your last session has ended")).to_be_visible()


def test_signing_out_forgets_the_token(browser: Browser, api: Api, visit: Visit, ana: str) -> None:
    visit.expected = [REFUSED]
    page = visit.open()
    paste(page, api.users.token(ana))
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="You are").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in to DAGY")).to_be_visible()
    assert page.evaluate("() => sessionStorage.length") == 0
