"""What can be done with a package from its row in the list, and from its page: one menu for both."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console import given
from tests.console.given import WORKER, WORKSHOP
from tests.console.visit import Visit
from tests.fakes import deployed
from tests.fakes.api import Users, unique

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]


@pytest.fixture
def slug() -> str:
    return "R" + unique("")[1:8].upper()


@pytest.fixture
def name(users: Users, ben: str, slug: str) -> str:
    """A package that is built."""
    name = unique("row")
    spec = {"displayName": f"Row {name[-8:]}", "dependencies": ["idna", "pandas>=2.3.0,<2.4.0"]}
    status = {"s3Uri": f"s3://bucket/{name}.zip"}
    given.package(
        users, name, phase="COMPLETED", slug=slug, size=12_000_000, message="2 packages.", spec=spec, status=status
    )
    return name


@pytest.fixture
def listed(visit: Visit, name: str) -> Visit:
    """The list, filtered to that package."""
    visit.sign_in(WORKER, f"packages?ns={WORKSHOP}&q={name}")
    expect(visit.page.get_by_text(re.compile("^1 of|^1 package"))).to_be_visible()
    return visit


def menu(page: Page, name: str) -> Locator:
    """The menu of the package, opened."""
    page.get_by_role("button", name=f"Actions of Row {name[-8:]}").click()
    opened = page.get_by_role("menu", name=f"Actions of Row {name[-8:]}")
    expect(opened).to_be_visible()
    return opened


def choose(page: Page, name: str, action: str) -> None:
    menu(page, name).get_by_role("menuitem", name=action, exact=True).click()


def stored(users: Users, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(users.kubectl("get", "deppackage", name, "-n", WORKSHOP, "-o", "json"))
    return found


def copied(page: Page) -> Any:
    return page.evaluate("() => navigator.clipboard.readText()")


def finalized(users: Users, name: str, finalizers: list[str]) -> None:
    patch = json.dumps({"metadata": {"finalizers": finalizers}})
    users.kubectl("patch", "deppackage", name, "-n", WORKSHOP, "--type=merge", "-p", patch)


def test_a_menu_is_used_with_the_keyboard_alone(listed: Visit, name: str) -> None:
    page = listed.page
    page.keyboard.press("j")
    expect(page.get_by_role("link", name=f"Row {name[-8:]}")).to_be_focused()
    for _ in range(2):
        page.keyboard.press("Tab")
    button = page.get_by_role("button", name=f"Actions of Row {name[-8:]}")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Open")).to_be_focused()
    listed.shoot("row-menu")
    for key, focused in (("ArrowDown", "Build Logs"), ("End", "Delete…"), ("ArrowDown", "Open"), ("d", "Duplicate")):
        page.keyboard.press(key)
        expect(page.get_by_role("menuitem", name=focused)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"\?tab=logs"))
    listed.expected = [r"status of 404"]


AGAIN = """async (button) => {
  const drawn = () => new Promise((resolve) => queueMicrotask(() => queueMicrotask(resolve)));
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
  await drawn();
  button.click();
  await drawn();
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
}"""
"""Shuts the menu and opens it again before a frame is painted, as a fast typist does on a busy machine."""


def test_a_menu_that_is_opened_again_at_once_stays_open(listed: Visit, name: str) -> None:
    page = listed.page
    button = page.get_by_role("button", name=f"Actions of Row {name[-8:]}")
    expect(menu(page, name).get_by_role("menuitem", name="Open")).to_be_focused()
    page.evaluate("() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))")  # it listens
    button.evaluate(AGAIN)
    expect(page.get_by_role("menuitem", name="Open")).to_be_focused()


def test_what_is_typed_as_a_dialog_opens_belongs_to_the_dialog(listed: Visit) -> None:
    page = listed.page
    opened = page.get_by_role("button", name="Keyboard shortcuts").evaluate(
        """async (button) => {
          button.click();
          await new Promise((resolve) => queueMicrotask(() => queueMicrotask(resolve)));
          return document.querySelector("dialog[open]")?.contains(document.activeElement) ?? false;
        }"""
    )
    assert opened


def test_validate_build_and_cancel_are_asked_for(listed: Visit, users: Users, name: str) -> None:
    page = listed.page
    choose(page, name, "Validate")
    expect(page.get_by_text("a validation is asked for.")).to_be_visible()
    choose(page, name, "Build")
    expect(page.get_by_text("a build is asked for.")).to_be_visible()
    asked = stored(users, name)["metadata"]["annotations"]
    assert {"dagy.io/validate", "dagy.io/build"} <= set(asked)
    given.tell(users, name, {"phase": "INSTALLING", "conditions": given.conditions("INSTALLING", False)})
    expect(page.get_by_role("row").nth(1)).to_contain_text("INSTALLING")
    opened = menu(page, name)
    expect(opened.get_by_role("menuitem", name="Build", exact=True)).to_have_attribute("aria-disabled", "true")
    with page.expect_response(lambda response: response.url.endswith("cancel")):
        opened.get_by_role("menuitem", name="Cancel").click()
    assert "dagy.io/cancel" in stored(users, name)["metadata"]["annotations"]


def test_slug_address_and_name_are_copied(listed: Visit, name: str, slug: str) -> None:
    page = listed.page
    for action, text in (
        ("Copy slug", slug),
        ("Copy S3 URI", f"s3://bucket/{name}.zip"),
        ("Copy name", f"{WORKSHOP}/{name}"),
    ):
        choose(page, name, action)
        expect(page.get_by_text(f"Copied {text}")).to_be_visible()
        assert copied(page) == text


def test_a_duplicate_has_the_same_list_and_is_not_saved(listed: Visit, users: Users, name: str) -> None:
    page = listed.page
    choose(page, name, "Duplicate")
    expect(page.get_by_role("heading", name="New Package")).to_be_visible()
    expect(page.get_by_text("Nothing is saved yet")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_have_value(f"Row {name[-8:]} copy")
    expect(page.get_by_role("rowheader", name="pandas")).to_be_visible()
    listed.shoot("duplicate")
    copy = unique("copy")
    page.get_by_label("Name", exact=True).fill(copy)
    page.reload()
    expect(page.get_by_label("Name", exact=True)).to_have_value(copy)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page).to_have_url(re.compile(f"packages/{WORKSHOP}/{copy}$"))
    assert stored(users, copy)["spec"]["dependencies"] == stored(users, name)["spec"]["dependencies"]


def test_deleting_asks_for_the_name_and_tells_who_uses_it(listed: Visit, users: Users, name: str, slug: str) -> None:
    page, flow = listed.page, unique("uses")
    deployed.deploy(users, flow, WORKSHOP, revisions=[[deployed.pin(slug, "a" * 64, name, WORKSHOP)]])
    choose(page, name, "Delete…")
    dialog = page.get_by_role("dialog", name=f"Delete Row {name[-8:]}?")
    expect(dialog).to_contain_text("A flow runs with it. It stays, marked as being deleted")
    expect(dialog).to_contain_text(f"{WORKSHOP}/{flow}")
    remove = dialog.get_by_role("button", name="Delete")
    expect(remove).to_be_disabled()
    listed.shoot("delete")
    finalized(users, name, ["test/held"])
    dialog.get_by_label(f"Type {name} to delete it").fill(name)
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"{name} is being deleted.")).to_be_visible()
    row = page.get_by_role("row").nth(1)
    expect(row).to_contain_text("DELETING")
    expect(row).to_contain_text("Being deleted")
    blocked = f"The package is being deleted, but flow deployments use it: {WORKSHOP}/{flow}."
    conditions = [*given.conditions("COMPLETED", True), given.condition("DeletionBlocked", "True", "InUse")]
    given.tell(users, name, {"message": blocked, "conditions": conditions})
    expect(row).to_contain_text(blocked)
    listed.shoot("row-deleting")
    row.get_by_role("link").first.click()
    expect(page.get_by_text(blocked).first).to_be_visible()
    listed.shoot("package-deleting")
    finalized(users, name, [])
    users.kubectl("delete", "fd", flow, "-n", WORKSHOP)


def test_the_page_has_the_same_actions(visit: Visit, users: Users, name: str) -> None:
    page = visit.sign_in(WORKER, f"packages/{WORKSHOP}/{name}")
    visit.expected = [r"status of 404"]  # the page may look once more whether it is there
    expect(menu(page, name).get_by_role("menuitem")).to_have_text(
        ["Duplicate", "Copy slug", "Copy S3 URI", "Copy name", "Delete…"]
    )
    visit.shoot("package-menu")
    page.keyboard.press("Escape")
    choose(page, name, "Delete…")
    page.get_by_label(f"Type {name} to delete it").fill(name)
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Dep Packages")).to_be_visible()
    assert name not in users.kubectl("get", "deppackages", "-n", WORKSHOP)


def test_who_may_only_look_sees_why_nothing_can_be_done(visit: Visit, users: Users, name: str) -> None:
    looker = unique("looks")
    users.create(looker, views=WORKSHOP)
    page = visit.sign_in(looker, f"packages?ns={WORKSHOP}&q={name}")
    opened = menu(page, name)
    expect(page.get_by_text(f"You may look at the packages of {WORKSHOP}, not change them.")).to_be_visible()
    for action in ("Validate", "Build", "Cancel", "Delete…"):
        expect(opened.get_by_role("menuitem", name=action, exact=True)).to_have_attribute("aria-disabled", "true")
    visit.shoot("row-menu-read-only")


def test_a_slug_of_the_list_leads_straight_to_its_package(listed: Visit, name: str, slug: str) -> None:
    page = listed.page
    page.keyboard.press("/")
    page.keyboard.type(slug.lower())
    expect(page.get_by_role("heading", name=f"Row {name[-8:]}")).to_be_visible()


def test_a_row_that_changes_flashes_once_and_not_for_who_wants_no_motion(
    listed: Visit, users: Users, name: str
) -> None:
    page = listed.page
    row = page.get_by_role("row").nth(1)
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    animations = "(row) => getComputedStyle(row).animationName + ' ' + getComputedStyle(row).animationIterationCount"
    given.tell(users, name, {"message": "3 packages."})
    expect(row).to_contain_text("3 packages.")
    assert row.evaluate(animations) == "flash 1"
    page.emulate_media(reduced_motion="reduce")
    given.tell(users, name, {"message": "4 packages."})
    expect(row).to_contain_text("4 packages.")
    assert row.evaluate(animations).startswith("none")
