"""The list: what it shows, finds and sorts, what stands in its place, and how it follows what happens."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.console import given
from tests.console.given import NAMESPACE
from tests.console.visit import NARROW, Visit
from tests.fakes.api import Users, unique

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]
LIST = f"packages?ns={NAMESPACE}"


def row(page: Page, name: str) -> Any:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def names(page: Page) -> list[str]:
    return page.locator("a.name").all_inner_texts()


@pytest.fixture
def listed(visit: Visit, ana: str) -> Visit:
    visit.sign_in(ana, LIST)
    expect(visit.page.get_by_text("8 packages", exact=True)).to_be_visible()
    return visit


def test_each_package_is_a_row_with_all_that_matters(listed: Visit) -> None:
    built = row(listed.page, "ML Pipeline Deps")
    for text in ("COMPLETED", "A1B2C3D4", "3.12", "48 MB", "just now"):
        expect(built).to_contain_text(text)
    expect(row(listed.page, "ETL")).to_contain_text("pandas==1.0.0 has no wheel for Python 3.13")
    expect(row(listed.page, "forecast-nightly")).to_contain_text("3rd in the queue")
    expect(row(listed.page, "Brand New")).to_contain_text("Slug follows")
    listed.shoot("list")


def test_a_slug_is_copied_with_one_click_and_says_so(listed: Visit) -> None:
    page = listed.page
    row(page, "ML Pipeline Deps").get_by_role("button", name="Copy slug A1B2C3D4").click()
    assert page.evaluate("() => navigator.clipboard.readText()") == "A1B2C3D4"
    expect(page.get_by_role("button", name="Copied A1B2C3D4")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Copied A1B2C3D4")).to_have_count(1)
    listed.shoot("list-copied")
    expect(page.get_by_role("button", name="Copy slug A1B2C3D4")).to_be_visible()


def test_words_phases_and_pythons_choose_rows_and_stand_in_the_address(listed: Visit) -> None:
    page = listed.page
    page.keyboard.press("/")
    page.keyboard.type("m3n4")
    expect(page.get_by_text("1 of 8")).to_be_visible()
    assert names(page) == ["ETL"]
    page.get_by_role("searchbox").fill("")
    page.get_by_role("button", name="COMPLETED 2").click()
    assert sorted(names(page)) == ["Embeddings", "ML Pipeline Deps"]
    page.get_by_label("Python version").select_option("3.11")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    expect(page.get_by_text("No package here has COMPLETED and Python 3.11.")).to_be_visible()
    listed.shoot("list-nothing-matches")
    page.reload()
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    page.get_by_role("button", name="Clear the filter").click()
    expect(page.get_by_text("8 packages", exact=True)).to_be_visible()


def test_columns_sort_both_ways(listed: Visit) -> None:
    page = listed.page
    page.get_by_role("button", name="Name").click()
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "ascending")
    by_name = names(page)
    assert by_name == sorted(by_name, key=str.lower)
    page.get_by_role("button", name="Name").click()
    assert names(page) == by_name[::-1]
    page.get_by_role("button", name="Size").click()
    page.get_by_role("button", name="Size").click()
    assert names(page)[0] == "Embeddings"


def test_keys_go_from_package_to_package(listed: Visit) -> None:
    page = listed.page
    page.get_by_role("button", name="Name").click()
    for key in ("j", "ArrowDown", "j", "k"):
        page.keyboard.press(key)
    expect(page.get_by_role("link", name="Embeddings", exact=True)).to_be_focused()
    page.keyboard.press("c")
    assert page.evaluate("() => navigator.clipboard.readText()") == "F9G0H1J2"
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    listed.shoot("keyboard-help")
    page.get_by_label("Use single letters as shortcuts").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_have_count(0)


def test_a_screen_reader_finds_a_table_in_a_page_with_landmarks(listed: Visit) -> None:
    listed.page.get_by_role("button", name="Name").click()
    expect(listed.page.locator("body")).to_match_aria_snapshot(
        """
        - navigation "Console":
          - link "DAGY"
          - list:
            - listitem:
              - link "Dep Packages"
        - banner:
          - combobox "Namespace"
          - button "Keyboard shortcuts"
          - button /You are system/
        - main:
          - heading "Dep Packages" [level=1]
          - button "New Package"
          - searchbox "Filter by name, slug or message"
          - group "Phase"
          - table "Dep Packages"
        - region "Notifications"
        """
    )


def test_what_happens_shows_at_once(listed: Visit, users: Users) -> None:
    page, name = listed.page, unique("live")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    given.package(users, name, namespace=NAMESPACE, phase="QUEUED", settled=False)
    expect(row(page, name)).to_contain_text("QUEUED")
    given.tell(
        users,
        name,
        {"phase": "COMPLETED", "slug": unique("")[-8:].upper(), "conditions": given.conditions("COMPLETED", True)},
        NAMESPACE,
    )
    expect(row(page, name)).to_contain_text("COMPLETED")
    users.kubectl("delete", "deppackage", name, f"--namespace={NAMESPACE}")
    expect(row(page, name)).to_have_count(0)


def test_nothing_moves_under_the_pointer(listed: Visit, users: Users) -> None:
    page, name = listed.page, unique("new")
    row(page, "ETL").hover()
    before = names(page)
    given.package(users, name, namespace=NAMESPACE, phase="PENDING", settled=False)
    show = page.get_by_role("button", name=re.compile("changes? · Show"))
    expect(show).to_be_visible()
    assert names(page) == before
    show.click()
    expect(row(page, name)).to_be_visible()
    users.kubectl("delete", "deppackage", name, f"--namespace={NAMESPACE}")
    expect(row(page, name)).to_have_count(0)


@pytest.mark.parametrize(
    ("phase", "told"), [("COMPLETED", "is built."), ("FAILED", "the build failed."), ("INVALID", "not valid")]
)
def test_a_build_that_this_browser_has_started_ends_with_a_toast(
    listed: Visit, users: Users, phase: str, told: str
) -> None:
    page, name = listed.page, unique("built")
    given.package(users, name, namespace=NAMESPACE, phase="INSTALLING", settled=False)
    expect(row(page, name)).to_contain_text("INSTALLING")
    uid = users.kubectl("get", "deppackage", name, f"--namespace={NAMESPACE}", "-o", "jsonpath={.metadata.uid}")
    started = {uid: {"namespace": NAMESPACE, "name": name, "at": page.evaluate("() => Date.now()")}}
    page.evaluate("(text) => localStorage.setItem('dagy.builds', text)", json.dumps(started))
    given.tell(users, name, {"phase": phase, "conditions": given.conditions(phase, True)}, NAMESPACE)
    toast = page.get_by_role("region", name="Notifications")
    expect(toast).to_contain_text(f"{name}")
    expect(toast).to_contain_text(told)
    users.kubectl("delete", "deppackage", name, f"--namespace={NAMESPACE}")
    if phase == "FAILED":
        listed.shoot("list-toast")
    assert page.evaluate("() => localStorage.getItem('dagy.builds')") == "{}"


def test_a_user_of_one_namespace_is_led_there(visit: Visit, ana: str) -> None:
    page = visit.sign_in(ana)
    expect(page.get_by_text("8 packages", exact=True)).to_be_visible()
    expect(page.get_by_label("Namespace")).to_have_value(NAMESPACE)


def test_a_user_of_several_namespaces_chooses(visit: Visit, ana: str, users: Users) -> None:
    other = unique("other")
    users.kubectl("create", "namespace", other)
    users.create(other, edits=other)
    users.kubectl(
        "create",
        "rolebinding",
        "too",
        "--clusterrole=dagy-view",
        f"--serviceaccount=default:{other}",
        f"--namespace={NAMESPACE}",
    )
    page = visit.sign_in(other)
    visit.expected = [r"status of 403"]
    expect(page.get_by_role("heading", name="Choose a namespace")).to_be_visible()
    visit.shoot("list-choose-namespace")
    page.get_by_role("button", name=NAMESPACE).click()
    expect(page.get_by_text("8 packages", exact=True)).to_be_visible()
    page.goto(f"{visit.api.url}/console/")
    expect(page.get_by_text("8 packages", exact=True)).to_be_visible()


def test_what_nobody_may_see_has_a_face_of_its_own(visit: Visit, ana: str) -> None:
    visit.expected = [r"status of 40[34]"]
    page = visit.sign_in(ana, "packages?ns=team-b")
    expect(page.get_by_text("There is no namespace team-b whose packages you may see.")).to_be_visible()
    visit.shoot("list-refused")


def test_a_namespace_without_packages_says_what_they_are(visit: Visit, users: Users) -> None:
    namespace = unique("empty")
    users.kubectl("create", "namespace", namespace)
    users.create(namespace, edits=namespace)
    page = visit.sign_in(namespace, f"packages?ns={namespace}")
    expect(page.get_by_role("heading", name=f"No packages in {namespace} yet")).to_be_visible()
    visit.shoot("list-empty")


def test_a_slug_leads_to_its_package_from_anywhere(listed: Visit) -> None:
    listed.page.get_by_role("searchbox").fill("ZZZZZZZZ")
    listed.expected = [r"status of 404"]
    listed.page.get_by_role("searchbox").press("Enter")
    expect(listed.page.get_by_text("There is no package with the slug ZZZZZZZZ")).to_be_visible()


def test_without_the_api_the_page_says_so_and_goes_on_by_itself(listed: Visit) -> None:
    page = listed.page
    listed.expected = [r"ERR_INTERNET_DISCONNECTED", r"status of 403"]
    page.context.set_offline(True)
    page.get_by_label("Namespace").select_option("")
    expect(page.get_by_text("The API does not answer")).to_be_visible()
    listed.shoot("list-unreachable")
    page.context.set_offline(False)
    expect(page.get_by_role("heading", name="Choose a namespace")).to_be_visible()


def test_a_list_that_is_not_up_to_date_stays_and_says_so(visit: Visit, ana: str) -> None:
    visit.expected = [r"ERR_CONNECTION_REFUSED"]
    watch = "**/dep-packages%3Awatch*"
    visit.page.route(watch, lambda route: route.abort("connectionrefused"))
    visit.page.clock.install()
    page = visit.sign_in(ana, LIST)
    expect(page.get_by_text("Not up to date.")).to_be_visible()
    expect(row(page, "ML Pipeline Deps")).to_contain_text("COMPLETED")
    visit.shoot("list-offline")
    page.clock.pause_at(datetime.now(UTC) + timedelta(minutes=1))  # the list doesn't try again by itself any more
    with page.expect_request(watch):
        page.get_by_role("button", name="Try now").click()
    page.unroute(watch)
    page.clock.resume()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()


def test_on_a_phone_a_row_is_a_card(visit: Visit, ana: str) -> None:
    visit.page.set_viewport_size(NARROW)
    visit.sign_in(ana, LIST)
    expect(visit.page.get_by_role("link", name="ML Pipeline Deps")).to_be_visible()
    assert visit.page.evaluate("() => document.documentElement.scrollWidth") <= NARROW["width"]
    expect(row(visit.page, "ML Pipeline Deps")).to_contain_text("48 MB")
