"""The editor of a package, in the words of the guide."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.console import given
from tests.console.given import WORKSHOP
from tests.console.visit import Visit
from tests.fakes.api import Users, unique

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]


@pytest.fixture
def new(visit: Visit, ben: str) -> Visit:
    """A new package, not saved yet."""
    visit.sign_in(ben, f"new?ns={WORKSHOP}")
    expect(visit.page.get_by_role("heading", name="New Package")).to_be_visible()
    return visit


def add(page: Page, name: str) -> Locator:
    """Search for it, add it; its row."""
    page.get_by_label("Search PyPI").fill(name)
    expect(found(page).first).to_contain_text(name)
    page.get_by_label("Search PyPI").press("Enter")
    expect(row(page, name)).to_be_visible()
    return row(page, name)


def found(page: Page) -> Locator:
    """What a search has found."""
    return page.get_by_role("listbox", name="Packages").get_by_role("option")


def row(page: Page, name: str) -> Locator:
    """The row of a dependency."""
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name, exact=True))


def spec(line: Locator) -> Locator:
    """The badge with its version spec."""
    return line.locator(".spec")


def stored(users: Users, name: str) -> dict[str, Any]:
    """The spec in the cluster."""
    return json.loads(users.kubectl("get", "deppackage", name, f"--namespace={WORKSHOP}", "-o", "json"))["spec"]


def test_a_package_is_searched_for_and_added_with_a_minor_range(new: Visit) -> None:
    page = new.page
    page.get_by_label("Name", exact=True).fill("Draft")
    page.get_by_label("Search PyPI").fill("pand")
    expect(found(page)).to_have_count(3)
    new.shoot("editor-search")
    page.get_by_label("Search PyPI").press("ArrowDown")
    expect(found(page).filter(has_text="pandas-stubs")).to_have_attribute("aria-selected", "true")
    page.get_by_label("Search PyPI").press("ArrowUp")
    page.get_by_label("Search PyPI").press("Enter")
    expect(spec(row(page, "pandas"))).to_have_text(">=2.3.0,<2.4.0")
    expect(row(page, "pandas")).to_contain_text("2.3.1")


def test_locks_and_dropdowns_give_the_guides_three_modes(new: Visit) -> None:
    page = new.page
    pandas = add(page, "pandas")
    major, minor = (
        pandas.get_by_role("button", name="Lock Major of pandas"),
        pandas.get_by_role("button", name="Lock Minor of pandas"),
    )
    expect(major).to_have_attribute("title", "Major locked: any 2.x")
    minor.click()
    expect(spec(pandas)).to_have_text(">=2.0.0,<3.0.0")
    expect(pandas.get_by_label("Minor of pandas", exact=True)).to_be_disabled()
    expect(pandas.get_by_label("Build of pandas", exact=True)).to_be_disabled()
    major.click()
    expect(spec(pandas)).to_have_text("==2.3.1")
    pandas.get_by_label("Build of pandas", exact=True).select_option("0")
    expect(spec(pandas)).to_have_text("==2.3.0")
    pandas.get_by_label("Minor of pandas", exact=True).select_option("2")
    expect(spec(pandas)).to_have_text("==2.2.3")
    minor.click()
    expect(spec(pandas)).to_have_text(">=2.2.0,<2.3.0")
    expect(major).to_have_attribute("aria-pressed", "true")
    coming = pandas.get_by_label("Major of pandas", exact=True).get_by_role("option").first
    expect(coming).to_have_text("3 – needs Python >=3.13")
    expect(coming).to_be_disabled()
    new.shoot("editor-rows")


def test_the_badge_toggles_any_version_and_back(new: Visit) -> None:
    pandas = add(new.page, "pandas")
    spec(pandas).click()
    expect(spec(pandas)).to_have_text("any")
    expect(pandas.get_by_label("Major of pandas", exact=True)).to_be_disabled()
    expect(pandas).to_contain_text("Builds may differ")
    spec(pandas).click()
    expect(spec(pandas)).to_have_text(">=2.3.0,<2.4.0")


@pytest.mark.parametrize("again", ["pandas", "Pandas", "pandas[excel]>=1"])
def test_an_existing_package_is_not_added_twice(new: Visit, again: str) -> None:
    page = new.page
    add(page, "pandas")
    page.get_by_label("Search PyPI").fill(again)
    expect(found(page).first).to_be_visible()
    page.get_by_label("Search PyPI").press("Enter")
    expect(page.get_by_text("Package is already in the list.")).to_be_visible()
    expect(page.get_by_text("1 of 200")).to_be_visible()
    if again == "pandas":
        new.shoot("editor-already")


def imported(page: Page, text: str) -> None:
    page.get_by_role("button", name="Import").click()
    page.get_by_label("Paste it here").fill(text)
    page.get_by_role("dialog").get_by_role("button", name="Add").click()


def conflicting(page: Page) -> Locator:
    for name in ("pandas", "numpy"):
        add(page, name)
    imported(page, "pandas==2.2.0\nnumpy>=1.26,<2\nscikit_learn>=1.3\nScikit.Learn>=1.2\n# a comment\n-r other.txt\n")
    return page.get_by_role("region", name="2 version conflicts")


def test_an_import_shows_each_line_before_it_is_merged(new: Visit) -> None:
    page = new.page
    add(page, "pandas")
    page.get_by_role("button", name="Import").click()
    page.get_by_label("Paste it here").fill("pandas==2.2.0\nrequests==2.31.0\nscikit learn>=1.3\n")
    expect(page.get_by_text("1 to add · 0 skipped · 1 conflict · 1 line that can't be used")).to_be_visible()
    new.shoot("editor-import")
    page.get_by_role("button", name="Add 1, settle 1 later").click()
    expect(spec(row(page, "requests"))).to_have_text("==2.31.0")


def test_conflicts_of_an_import_are_settled_one_by_one(new: Visit) -> None:
    page = new.page
    banner = conflicting(page)
    expect(page.get_by_text("1 added, 1 skipped, 2 conflicts to settle.")).to_be_visible()
    expect(banner.get_by_role("listitem").first).to_contain_text("existing >=2.3.0,<2.4.0")
    expect(banner.get_by_role("listitem").first).to_contain_text("incoming ==2.2.0")
    new.shoot("editor-conflicts")
    banner.get_by_role("listitem").first.get_by_role("button", name="Use incoming").click()
    expect(spec(row(page, "pandas"))).to_have_text("==2.2.0")
    page.get_by_role("button", name="Keep existing").click()
    expect(page.locator(".conflicts")).to_have_count(0)
    expect(spec(row(page, "numpy"))).to_have_text(">=2.2.0,<2.3.0")


@pytest.mark.parametrize(
    ("button", "pandas"), [("Keep All Existing", ">=2.3.0,<2.4.0"), ("Use All Incoming", "==2.2.0")]
)
def test_conflicts_of_an_import_are_settled_at_once(new: Visit, button: str, pandas: str) -> None:
    conflicting(new.page).get_by_role("button", name=button).click()
    expect(new.page.locator(".conflicts")).to_have_count(0)
    expect(spec(row(new.page, "pandas"))).to_have_text(pandas)
    expect(new.page.get_by_text("3 of 200")).to_be_visible()


def test_conflicts_hold_a_build_back_and_not_a_save(new: Visit) -> None:
    page = new.page
    page.get_by_label("Name", exact=True).fill("Unsettled")
    conflicting(page)
    expect(page.get_by_role("button", name="Save & Build")).to_be_disabled()
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_enabled()
    page.get_by_role("link", name="Settle 2 conflicts first").click()
    expect(page.get_by_role("heading", name="2 version conflicts")).to_be_focused()


def test_every_change_is_undone_and_done_again(new: Visit) -> None:
    page = new.page
    add(page, "pandas")
    add(page, "numpy")
    row(page, "pandas").get_by_role("button", name="Remove pandas").click()
    expect(row(page, "pandas")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(row(page, "pandas")).to_have_count(1)
    page.keyboard.press("Control+z")
    expect(row(page, "numpy")).to_have_count(0)
    page.get_by_role("button", name="Redo").click()
    expect(row(page, "numpy")).to_have_count(1)


def test_a_draft_survives_a_reload(new: Visit) -> None:
    page = new.page
    page.get_by_label("Name", exact=True).fill("Half done")
    add(page, "pandas")
    page.reload()
    expect(page.get_by_label("Name", exact=True)).to_have_value("Half done")
    expect(spec(row(page, "pandas"))).to_have_text(">=2.3.0,<2.4.0")


def test_the_list_as_text_loses_nothing(new: Visit) -> None:
    page = new.page
    page.get_by_role("button", name="Text").click()
    text = page.get_by_label("Dependencies as requirements.txt")
    text.fill("strands-agents[a2a]\nmylib @ https://files.example/mylib-1-py3-none-any.whl\ntorch~=2.3\nwrong one >=")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("alert")).to_contain_text("Line 4:")
    new.shoot("editor-text")
    text.fill("strands-agents[a2a]\nmylib @ https://files.example/mylib-1-py3-none-any.whl\ntorch~=2.3")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_label("Requirement torch")).to_have_value("torch~=2.3")
    page.get_by_role("button", name="Text").click()
    expect(text).to_have_value(
        "strands-agents[a2a]\nmylib @ https://files.example/mylib-1-py3-none-any.whl\ntorch~=2.3"
    )
    new.expected = [r"status of 404"]


def test_save_creates_once_and_then_updates(new: Visit, users: Users) -> None:
    page, name = new.page, unique("saved")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Description").fill("For a test")
    add(page, "pandas")
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Saved. Save alone builds nothing.")).to_be_visible()
    expect(page).to_have_url(f"{new.api.url}/console/packages/{WORKSHOP}/{name}")
    kept = stored(users, name)
    assert (kept["dependencies"], kept["buildPolicy"]) == (["pandas>=2.3.0,<2.4.0"], "Manual")
    add(page, "numpy")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("unsaved changes")).to_have_count(0)
    assert stored(users, name)["dependencies"] == ["pandas>=2.3.0,<2.4.0", "numpy>=2.2.0,<2.3.0"]


def test_who_may_only_look_is_told_whom_to_ask(visit: Visit, users: Users) -> None:
    name = unique("seen")
    given.package(users, name, phase="COMPLETED", namespace="team-a")
    page = visit.sign_in("vera", f"packages/team-a/{name}")
    expect(page.get_by_text("You may look at the packages of team-a, not change them.")).to_be_visible()
    expect(page.get_by_role("button", name="Save & Build")).to_have_count(0)
    expect(page.get_by_label("Name", exact=True)).not_to_be_editable()
    visit.shoot("package-read-only")


def test_a_package_that_is_not_there_says_so(visit: Visit, ben: str) -> None:
    visit.expected = [r"status of 404"]
    page = visit.sign_in(ben, "packages/team-b/secret")
    expect(page.get_by_role("heading", name="There is no such package")).to_be_visible()
    visit.shoot("package-missing")


def test_an_answer_that_is_lost_makes_no_second_package(new: Visit, users: Users) -> None:
    page, name = new.page, unique("lost")
    new.expected = [r"ERR_CONNECTION_RESET"]
    page.get_by_label("Name", exact=True).fill(name)
    add(page, "pandas")
    page.route("**/dep-packages", lose)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("The API does not answer.")
    assert stored(users, name)["dependencies"] == ["pandas>=2.3.0,<2.4.0"], "it was made all the same"
    page.unroute("**/dep-packages")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page).to_have_url(f"{new.api.url}/console/packages/{WORKSHOP}/{name}")
    names = users.kubectl("get", "deppackages", f"--namespace={WORKSHOP}", "-o", "name").split()
    assert [one for one in names if name in one] == [f"deppackage.dagy.io/{name}"]


def lose(route: Route) -> None:
    """The API does its work, and its answer is lost on the way."""
    route.fetch()
    route.abort("connectionreset")
