"""The whole guide in one walk: by keyboard alone, as a screen reader gives it, and on a phone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console.given import WORKSHOP, named
from tests.console.hands import Hands, Keyboard, Listener, Touch
from tests.console.test_build import REJECTED, VALIDATED, step, tell
from tests.console.test_editor import found, row, spec
from tests.console.test_logs import elsewhere
from tests.console.visit import NARROW, Visit, visiting
from tests.fakes.api import Api, Users, unique
from tests.fakes.growing_log import growing_log

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]


def test_by_keyboard_alone(visit: Visit, users: Users, ben: str) -> None:
    hands = Keyboard(visit.page)
    walk(visit.sign_in(ben, f"packages?ns={WORKSHOP}"), hands, users)


def test_as_a_screen_reader_gives_it(visit: Visit, users: Users, ben: str) -> None:
    page = visit.sign_in(ben, f"packages?ns={WORKSHOP}")
    walk(page, Listener(page), users)


def test_on_a_phone(browser: Browser, api: Api, axe: str, users: Users, ben: str) -> None:
    with visiting(browser, api, axe, viewport=NARROW, has_touch=True, is_mobile=True) as visit:
        page = visit.sign_in(ben, f"packages?ns={WORKSHOP}")
        walk(page, Touch(page), users)


def walk(page: Page, hands: Hands, users: Users) -> None:
    """From an empty form to a slug on the clipboard."""
    name, slug = unique("walked"), unique("")[-8:].upper()
    begin(page, hands, name)
    choose_versions(page, hands)
    import_with_conflicts(page, hands)
    hands.press(page.get_by_role("button", name="Validate", exact=True).last)
    step(page, "under way")
    (made,) = named(users, name)
    assert "dagy.io/build" not in made["metadata"]["annotations"], "nothing but Validate was pressed"
    key = made["metadata"]["name"]
    repair(page, hands, users, key)
    build(page, hands, users, key)
    leave_and_be_told(page, hands, users, key, slug)
    hands.press(page.get_by_role("button", name=f"Copy slug {slug}"))
    expect(page.get_by_role("button", name=f"Copied {slug}")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == slug
    (kept,) = named(users, name)
    assert kept["spec"]["dependencies"] == ["pandas>=2.3.0,<2.4.0", "numpy>=2.2.0,<2.3.0", "requests", "idna==3.7.0"]


def begin(page: Page, hands: Hands, name: str) -> None:
    hands.press(page.get_by_role("button", name="New Package").first)
    hands.write(page.get_by_label("Name", exact=True), name)
    hands.write(page.get_by_label("Description"), "A walk through the guide")
    for wanted in ("pandas", "numpy", "requests"):
        hands.write(page.get_by_label("Search PyPI"), wanted)
        expect(found(page).first).to_have_text(re.compile(rf"^{wanted}(used here|popular)?$"))
        if wanted == "numpy":
            hands.look("search", page.locator(".search"))
        hands.take(found(page).first)
        expect(row(page, wanted)).to_be_visible()
    expect(row(page, "requests")).to_contain_text("2.32.3")


def choose_versions(page: Page, hands: Hands) -> None:
    pandas = row(page, "pandas")
    hands.press(pandas.get_by_role("button", name="Lock Minor of pandas"))
    expect(spec(pandas)).to_have_text(">=2.0.0,<3.0.0")
    hands.press(pandas.get_by_role("button", name="Lock Major of pandas"))
    expect(spec(pandas)).to_have_text("==2.3.1")
    hands.choose(pandas.get_by_label("Minor of pandas", exact=True), "2")
    expect(spec(pandas)).to_have_text("==2.2.3")
    hands.press(spec(row(page, "requests")))
    expect(spec(row(page, "requests"))).to_have_text("any")
    hands.look("versions", page.get_by_role("region", name="List of dependencies"))


def import_with_conflicts(page: Page, hands: Hands) -> None:
    hands.press(page.get_by_role("button", name="Import"))
    hands.write(page.get_by_label("Paste it here"), "numpy==1.26.4\npandas==1.5.3\nidna==3.7.0\n")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("1 to add · 0 skipped · 2 conflicts")).to_be_visible()
    hands.look("import", dialog)
    hands.press(dialog.get_by_role("button", name="Add 1, settle 2 later"))
    banner = page.get_by_role("region", name="2 version conflicts")
    hands.look("conflicts", banner)
    hands.press(banner.get_by_role("listitem").filter(has_text="pandas").get_by_role("button", name="Use incoming"))
    hands.press(page.get_by_role("button", name="Keep existing"))
    expect(page.locator(".conflicts")).to_have_count(0)
    expect(spec(row(page, "pandas"))).to_have_text("==1.5.3")


def repair(page: Page, hands: Hands, users: Users, key: str) -> None:
    tell(users, key, "INVALID", "pandas==1.5.3 has no wheel for Python 3.12.", settled=True, **REJECTED)
    panel = page.get_by_role("alert", name="Not valid")
    expect(panel).to_be_visible()
    hands.look("invalid", panel)
    hands.press(page.get_by_role("button", name="Change to pandas>=2.3.0,<2.4.0"))
    expect(spec(row(page, "pandas"))).to_have_text(">=2.3.0,<2.4.0")


def build(page: Page, hands: Hands, users: Users, key: str) -> None:
    hands.press(page.get_by_role("button", name="Save & Build"))
    expect(page.get_by_text("unsaved changes")).to_have_count(0)
    tell(users, key, "INSTALLING", "Installing 4 packages.", **VALIDATED, build={"attempt": 1, "jobName": "build-1"})
    step(page, "Installing 4 packages.")
    hands.look("building", page.get_by_role("region", name="Progress"))
    with growing_log() as log:
        page.route("**/logs?*", lambda route: elsewhere(route, log))
        hands.press(page.get_by_role("link", name="Build Logs"))
        log.grow("=== install ===\n+ pandas==2.3.1\n", ended=True)
        expect(page.get_by_role("log")).to_contain_text("+ pandas==2.3.1")
        expect(page.locator(".log-state")).to_have_text("Ended")
        hands.look("log", page.get_by_role("region", name="Log of"))
        page.unroute("**/logs?*")


def leave_and_be_told(page: Page, hands: Hands, users: Users, key: str, slug: str) -> None:
    hands.press(page.get_by_role("navigation", name="Console").get_by_role("link", name="Dep Packages"))
    expect(page.get_by_role("heading", name="Dep Packages")).to_be_visible()
    tell(users, key, "COMPLETED", "4 packages in a ZIP of 48 MB.", settled=True, slug=slug)
    toast = page.get_by_role("region", name="Notifications").locator(".toast").filter(has_text="is built.")
    expect(toast).to_be_visible()
    hands.look("toast", toast)
    # Whoever does not reach a toast in time finds it behind the bell.
    hands.press(page.get_by_role("button", name="Earlier notifications"))
    hands.press(page.get_by_role("list", name="Earlier notifications").get_by_role("link", name="Open").first)
