"""Validation, builds and slugs in the guide's own words, where no other test has them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.console import given
from tests.console.given import WORKSHOP, named
from tests.console.looks import box, tone
from tests.console.test_build import REJECTED, VALIDATED, step, tell
from tests.console.test_editor import imported, row
from tests.console.test_logs import elsewhere
from tests.console.visit import Visit
from tests.fakes.api import Users, unique
from tests.fakes.growing_log import growing_log

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]

COMMON_ERRORS = (
    "pandas==2.3.1 and numpy==1.25.2 can't be installed together: pandas needs numpy>=1.26.0.",
    "requests==2.32.3 has no wheel for Python 3.12.",
    "idna==99 matches no published release; the newest is 3.10.0.",
)


@pytest.fixture
def saved(visit: Visit, users: Users, ben: str) -> tuple[Page, str]:
    """The page of a package that was saved and nothing else, and its name."""
    name = unique("guide")
    spec = {"displayName": name, "dependencies": ["pandas==1.5.3", "idna"]}
    given.package(users, name, phase="PENDING", spec=spec)
    page = visit.sign_in(ben, f"packages/{WORKSHOP}/{name}")
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    return page, name


def test_validation_is_a_green_check_or_a_red_cross(saved: tuple[Page, str], users: Users) -> None:
    page, name = saved
    page.get_by_role("button", name="Validate", exact=True).last.click()
    step(page, "under way")
    tell(users, name, "VALID", "2 packages resolve.", settled=True, **VALIDATED)
    verdict = page.locator(".verdict")
    expect(verdict).to_contain_text("valid for this list")
    expect(verdict).to_have_class("verdict good")
    tell(users, name, "INVALID", "pandas==1.5.3 has no wheel for Python 3.12.", settled=True, **REJECTED)
    expect(verdict).to_have_text("not valid")
    expect(verdict).to_have_class("verdict bad")


def test_an_invalid_list_is_a_red_panel_with_each_error_and_no_build(saved: tuple[Page, str], users: Users) -> None:
    page, name = saved
    page.get_by_role("button", name="Save & Build").click()
    step(page, "under way")
    errors = [{"message": message, "requirement": message.partition(" ")[0]} for message in COMMON_ERRORS]
    validation = {"specHash": "x", "time": "2026-11-26T00:00:00Z", "errors": errors}
    tell(users, name, "INVALID", COMMON_ERRORS[0], settled=True, validation=validation)
    expect(page.locator(".badge")).to_have_text("INVALID")
    panel = page.get_by_role("alert", name="Not valid")
    expect(panel).to_contain_text("Not valid: 3 problems. Nothing was built")
    for message in COMMON_ERRORS:
        expect(panel).to_contain_text(message)
    assert tone(panel) == "red"
    expect(page.get_by_role("listitem").filter(has_text="Build").filter(has_text="to do")).to_have_count(1)


def test_trying_again_updates_the_package_and_makes_no_second_one(visit: Visit, users: Users, ben: str) -> None:
    name, new = unique("retried"), visit.sign_in(ben, f"new?ns={WORKSHOP}")
    new.get_by_label("Name", exact=True).fill(name)
    imported(new, "pandas==1.5.3\nidna\n")
    new.get_by_role("button", name="Save & Build").click()
    step(new, "under way")
    (first,) = named(users, name)
    tell(users, first["metadata"]["name"], "INVALID", "No wheel.", settled=True, **REJECTED)
    expect(new.get_by_role("alert", name="Not valid")).to_contain_text("Not valid: 1 problem.")
    row(new, "pandas").get_by_label("Major of pandas", exact=True).select_option("2")
    new.get_by_role("button", name="Save & Build").click()
    expect(new.get_by_text("unsaved changes")).to_have_count(0)
    (second,) = named(users, name)
    assert second["metadata"]["uid"] == first["metadata"]["uid"]
    assert second["spec"]["dependencies"] == ["pandas==2.3.1", "idna"]
    assert second["metadata"]["annotations"]["dagy.io/build"] != first["metadata"]["annotations"]["dagy.io/build"]


def test_the_build_goes_through_the_guides_statuses(saved: tuple[Page, str], users: Users) -> None:
    page, name = saved
    page.get_by_role("button", name="Save & Build").click()
    step(page, "under way")
    for phase in ("QUEUED", "INSTALLING", "PACKAGING", "UPLOADING", "COMPLETED"):
        tell(users, name, phase, settled=phase == "COMPLETED", **VALIDATED)
        expect(page.locator(".badge")).to_have_text(phase)
    for name in ("Save", "Validate", "Build"):
        done = page.get_by_role("region", name="Progress").get_by_role("listitem").filter(has_text=name)
        expect(done).to_contain_text("done")


@pytest.mark.parametrize(("phase", "told"), [("COMPLETED", "is built."), ("FAILED", "the build failed.")])
def test_one_may_navigate_away_and_a_toast_tells(saved: tuple[Page, str], users: Users, phase: str, told: str) -> None:
    page, name = saved
    page.get_by_role("button", name="Save & Build").click()
    step(page, "You may leave this page.")
    page.get_by_role("navigation", name="Console").get_by_role("link", name="Dep Packages").click()
    expect(page.get_by_role("heading", name="Dep Packages")).to_be_visible()
    tell(users, name, phase, settled=True, **VALIDATED)
    toast = page.get_by_role("region", name="Notifications")
    expect(toast).to_contain_text(name)
    expect(toast).to_contain_text(told)


def test_a_slug_is_a_monospace_badge_next_to_the_name(visit: Visit, users: Users, ben: str) -> None:
    name, slug = unique("slug"), unique("")[-8:].upper()
    given.package(users, name, phase="COMPLETED", slug=slug)
    page = visit.sign_in(ben, f"packages?ns={WORKSHOP}&q={name}")
    badge = page.get_by_role("button", name=f"Copy slug {slug}")
    expect(badge).to_have_attribute("title", "Copy slug")
    assert "mono" in badge.locator("code").evaluate("(element) => getComputedStyle(element).fontFamily")
    assert box(badge)["x"] > box(page.get_by_role("link", name=name, exact=True))["x"]
    badge.click()
    expect(page.get_by_role("button", name=f"Copied {slug}")).to_have_attribute("title", "Copied")
    page.get_by_role("link", name=name, exact=True).click()
    details = page.get_by_role("region", name="Package Details")
    header = details.get_by_role("button", name=f"Copy slug {slug}")
    title = details.get_by_role("heading", name="Package Details")
    assert box(header)["x"] > box(title)["x"]
    assert abs(box(header)["y"] - box(title)["y"]) < 16, "in the card's header, next to the title"
    page.evaluate("() => navigator.clipboard.writeText('')")
    header.click()
    expect(page.get_by_role("button", name=f"Copied {slug}")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == slug


def test_a_package_of_before_gets_its_slug_while_one_looks(saved: tuple[Page, str], users: Users) -> None:
    page, name = saved
    slug = unique("")[-8:].upper()
    expect(page.get_by_text("Slug follows")).to_be_visible()
    given.tell(users, name, {"slug": slug})
    expect(page.get_by_role("button", name=f"Copy slug {slug}")).to_be_visible()


def test_build_logs_show_the_installation_as_it_goes(saved: tuple[Page, str], users: Users) -> None:
    page, name = saved
    tell(users, name, "INSTALLING", **VALIDATED, build={"attempt": 1, "jobName": "build-1"})
    with growing_log() as log:
        page.route("**/logs?*", lambda route: elsewhere(route, log))
        page.get_by_role("link", name="Build Logs").click()
        for line in ("=== install ===", "+ idna==3.10.0", "Installed 1 package in 3ms"):
            log.grow(f"{line}\n")
            expect(page.get_by_role("log")).to_contain_text(line.strip("= "))
        log.grow("", ended=True)
        page.unroute("**/logs?*")
