"""Toasts: three at most, kept while they are looked at, and all of them behind the bell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tests.console import given
from tests.console.given import WORKSHOP
from tests.console.visit import Visit
from tests.fakes.api import Users, unique

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]


@pytest.fixture
def builds(visit: Visit, ben: str, users: Users) -> list[str]:
    """Packages that are being built, which this browser has begun."""
    names, begun = [unique("told") for _ in range(5)], {}
    for number, name in enumerate(names):
        given.package(users, name, phase="INSTALLING", settled=False, spec={"displayName": f"Build {number}"})
        found = users.kubectl("get", "deppackage", name, f"--namespace={WORKSHOP}", "-o", "jsonpath={.metadata.uid}")
        begun[found] = {"namespace": WORKSHOP, "name": name, "at": 4e12}
    visit.page.clock.install()
    page = visit.sign_in(ben, "packages")
    page.evaluate("(builds) => localStorage.setItem('dagy.builds', JSON.stringify(builds))", begun)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    return names


def end(users: Users, name: str, phase: str) -> None:
    given.tell(users, name, {"phase": phase, "conditions": given.conditions(phase, True)})


def test_at_most_three_are_shown_and_all_are_kept(visit: Visit, users: Users, builds: list[str]) -> None:
    page = visit.page
    shown = page.get_by_role("region", name="Notifications")
    for number, name in enumerate(builds):
        end(users, name, "FAILED")
        expect(shown).to_contain_text(f"Build {number}: the build failed.")
    expect(shown.get_by_role("alert")).to_have_count(3)
    expect(shown).not_to_contain_text("Build 0")
    visit.shoot("toasts")
    bell = page.get_by_role("button", name="Earlier notifications, 2 new")
    bell.click()
    earlier = page.get_by_role("list", name="Earlier notifications")
    expect(earlier.get_by_role("listitem")).to_have_count(5)
    visit.shoot("toasts-earlier")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Earlier notifications", exact=True)).to_be_focused()
    page.get_by_role("button", name="Earlier notifications").click()
    earlier.get_by_role("listitem").last.get_by_role("link", name="Open").click()
    expect(page.get_by_role("heading", name="Build 0")).to_be_visible()
    expect(page.get_by_text("FAILED", exact=True)).to_be_visible()


def test_a_toast_stays_while_it_is_looked_at(visit: Visit, users: Users, builds: list[str]) -> None:
    page = visit.page
    page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=5))
    end(users, builds[0], "COMPLETED")
    told = page.get_by_role("region", name="Notifications").get_by_text("Build 0 is built.")
    expect(told).to_be_visible()
    told.hover()
    page.clock.run_for(20_000)
    expect(told).to_be_visible()
    page.get_by_role("region", name="Notifications").get_by_role("link", name="Open").focus()
    page.mouse.move(5, 5)
    page.clock.run_for(20_000)
    expect(told).to_be_visible()
    page.locator("h1").click()
    page.clock.run_for(20_000)
    expect(told).to_have_count(0)
    expect(page.get_by_role("button", name="Earlier notifications, 1 new")).to_be_visible()
