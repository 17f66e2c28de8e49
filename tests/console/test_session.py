"""A token that ends while somebody edits: nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.console.given import NAMESPACE, WORKSHOP
from tests.console.test_editor import add, row, spec, stored
from tests.console.visit import Visit
from tests.fakes.api import Api, Users, unique

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]


@pytest.fixture
def passing(users: Users, ben: str) -> Iterator[tuple[str, str]]:
    """A token of ben's, and the Secret that it ends with."""
    secret = unique("session")
    users.kubectl("create", "secret", "generic", secret, "--namespace=default")
    token = users.kubectl(
        "create", "token", ben, "--namespace=default", "--bound-object-kind=Secret", f"--bound-object-name={secret}"
    )
    yield token.strip(), secret
    users.kubectl("delete", "secret", secret, "--namespace=default", "--ignore-not-found")


def wait_until_refused(api: Api, token: str) -> None:
    """Until the cluster, which remembers for some seconds, does not accept it any more."""
    until = time.monotonic() + 120
    path, headers = f"{api.url}/dep-packages?namespace={WORKSHOP}&limit=1", {"Authorization": f"Bearer {token}"}
    while httpx.get(path, headers=headers).status_code != 401:
        assert time.monotonic() < until
        time.sleep(0.5)


def outlasted(visit: Visit, users: Users, passing: tuple[str, str], name: str) -> Page:
    """A new package that somebody edits, with pandas in its list, for longer than the token lasts."""
    (token, secret), page = passing, visit.page
    page.add_init_script(f"sessionStorage.getItem('dagy.token') ?? sessionStorage.setItem('dagy.token', '{token}')")
    visit.open(f"new?ns={WORKSHOP}")
    page.get_by_label("Name", exact=True).fill(name)
    add(page, "pandas")
    users.kubectl("delete", "secret", secret, "--namespace=default")
    wait_until_refused(visit.api, token)
    return page


def test_a_session_that_ends_while_one_edits_loses_nothing(
    visit: Visit, api: Api, ben: str, users: Users, passing: tuple[str, str]
) -> None:
    name = unique("kept")
    page = outlasted(visit, users, passing, name)
    visit.expected = [r"status of 401"]
    page.keyboard.press("Control+s")
    dialog = page.get_by_role("dialog", name="Your session has ended")
    expect(dialog).to_contain_text("Nothing on this page is lost.")
    visit.shoot("session-ended")
    dialog.get_by_label("Token").fill(users.token(ben))
    dialog.get_by_role("button", name="Sign in").click()
    dialog.get_by_role("button", name="Continue").click()
    # What was under way goes on by itself.
    expect(page).to_have_url(f"{api.url}/console/packages/{WORKSHOP}/{name}")
    expect(spec(row(page, "pandas"))).to_have_text(">=2.3.0,<2.4.0")
    assert stored(users, name)["dependencies"] == ["pandas>=2.3.0,<2.4.0"]
    add(page, "numpy")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("unsaved changes")).to_have_count(0)
    assert stored(users, name)["dependencies"] == ["pandas>=2.3.0,<2.4.0", "numpy>=2.2.0,<2.3.0"]


def test_a_page_that_is_loaded_with_an_ended_token_has_its_draft(
    visit: Visit, ben: str, users: Users, passing: tuple[str, str]
) -> None:
    page = outlasted(visit, users, passing, "Half done")
    visit.expected = [r"status of 401"]
    page.reload()
    page.get_by_label("Token").fill(users.token(ben))
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Half done")
    expect(spec(row(page, "pandas"))).to_have_text(">=2.3.0,<2.4.0")


def test_who_signs_in_on_somebody_elses_page_starts_anew(
    visit: Visit, ana: str, users: Users, passing: tuple[str, str]
) -> None:
    name = unique("foreign")
    page = outlasted(visit, users, passing, name)
    visit.expected = [r"status of 40[13]"]
    page.keyboard.press("Control+s")
    dialog = page.get_by_role("dialog", name="Your session has ended")
    dialog.get_by_label("Token").fill(users.token(ana))
    dialog.get_by_role("button", name="Sign in").click()
    with page.expect_request(lambda request: request.url.endswith("/console/")):
        dialog.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Dep Packages")).to_be_visible()
    # Not in the namespace of who was there before, whose packages ana may not see.
    expect(page.get_by_role("combobox", name="Namespace")).to_have_value(NAMESPACE)
    expect(page.get_by_text(name)).to_have_count(0)
    assert name not in users.kubectl("get", "deppackages", "--all-namespaces", "-o", "name"), "nothing was saved as ana"
