"""Two people save one package: nothing is overwritten unseen, and nothing is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console import given
from tests.console.given import WORKSHOP
from tests.console.test_editor import add, row, spec, stored
from tests.console.visit import Visit
from tests.fakes.api import Users, unique

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]


@pytest.fixture
def name(users: Users, ben: str) -> str:
    """A package that two people edit."""
    name = unique("shared")
    listed = ["idna", "numpy==1.26.0", "requests==2.31.0"]
    given.package(users, name, phase="VALID", spec={"displayName": "Shared", "dependencies": listed})
    return name


@pytest.fixture
def opened(visit: Visit, ben: str, name: str) -> Visit:
    """Its page."""
    visit.sign_in(ben, f"packages/{WORKSHOP}/{name}")
    expect(spec(row(visit.page, "idna"))).to_have_text("any")
    return visit


def saved_by_another(users: Users, name: str, **changes: Any) -> None:
    users.kubectl(
        "patch", "deppackage", name, f"--namespace={WORKSHOP}", "--type=merge", "-p", json.dumps({"spec": changes})
    )


def compared(page: Page) -> Locator:
    page.get_by_role("button", name="Compare").click()
    dialog = page.get_by_role("dialog", name="Somebody else has changed this package")
    expect(dialog.get_by_role("row").nth(1)).to_be_visible()
    return dialog


def line(dialog: Locator, label: str) -> Locator:
    return dialog.get_by_role("row").filter(has=dialog.page.get_by_role("rowheader", name=label, exact=True))


def cells(dialog: Locator, label: str) -> list[str]:
    """Mine, theirs, result."""
    return [cell.inner_text().splitlines()[0] for cell in line(dialog, label).get_by_role("cell").all()]


def test_what_one_side_has_changed_is_in_the_result(opened: Visit, users: Users, name: str) -> None:
    page = opened.page
    add(page, "pandas")
    row(page, "numpy").get_by_role("button", name="Remove numpy").click()
    saved_by_another(
        users, name, dependencies=["idna", "numpy==1.26.0", "requests==2.32.3", "scikit-learn"], description="Theirs"
    )
    expect(page.get_by_text("Somebody else has saved this package since you began.")).to_be_visible()
    dialog = compared(page)
    assert cells(dialog, "pandas") == ["pandas>=2.3.0,<2.4.0", "not there", "pandas>=2.3.0,<2.4.0"]
    assert cells(dialog, "numpy") == ["not there", "numpy==1.26.0", "not there"]
    assert cells(dialog, "requests") == ["requests==2.31.0", "requests==2.32.3", "requests==2.32.3"]
    assert cells(dialog, "Description") == ["empty", "Theirs", "Theirs"]
    dialog.get_by_role("button", name="Go on with the result").click()
    expect(page.get_by_text("Somebody else has saved")).to_have_count(0)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("unsaved changes")).to_have_count(0)
    kept = stored(users, name)
    assert kept["dependencies"] == ["idna", "requests==2.32.3", "scikit-learn", "pandas>=2.3.0,<2.4.0"]
    assert kept["description"] == "Theirs"


def test_what_both_have_changed_is_asked_for(opened: Visit, users: Users, name: str) -> None:
    page = opened.page
    spec(row(page, "numpy")).click()
    page.get_by_label("Description").fill("Mine")
    page.route("**/dep-packages%3Awatch*", lambda route: route.abort())
    opened.expected = [r"status of 412"]
    saved_by_another(users, name, dependencies=["idna", "numpy==1.26.4", "requests==2.31.0"], description="Theirs")
    page.get_by_role("button", name="Save", exact=True).click()
    dialog = page.get_by_role("dialog", name="Somebody else has changed this package")
    expect(dialog.get_by_role("button", name="Settle 2 first")).to_be_disabled()
    assert cells(dialog, "numpy") == ["numpy", "numpy==1.26.4", "to be chosen"]
    opened.shoot("merge")
    assert stored(users, name)["dependencies"] == ["idna", "numpy==1.26.4", "requests==2.31.0"], "nothing was saved"
    line(dialog, "numpy").get_by_role("button", name="Keep mine").click()
    assert cells(dialog, "numpy")[2] == "numpy"
    dialog.get_by_role("button", name="Use All Theirs").click()
    assert cells(dialog, "numpy")[2] == "numpy==1.26.4"
    dialog.get_by_role("button", name="Keep All Mine").click()
    opened.shoot("merge-settled")
    dialog.get_by_role("button", name="Go on with the result").click()
    expect(page.get_by_label("Description")).to_have_value("Mine")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_label("Description")).to_have_value("Theirs")
    page.get_by_role("button", name="Redo").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("unsaved changes")).to_have_count(0)
    assert stored(users, name)["dependencies"] == ["idna", "numpy", "requests==2.31.0"]


def test_a_draft_of_an_earlier_state_is_not_lost(opened: Visit, users: Users, name: str) -> None:
    page = opened.page
    add(page, "pandas")
    opened.open("packages")
    saved_by_another(users, name, dependencies=["idna"])
    opened.open(f"packages/{WORKSHOP}/{name}")
    expect(spec(row(page, "pandas"))).to_have_text(">=2.3.0,<2.4.0")
    expect(page.get_by_text("Somebody else has saved this package since you began.")).to_be_visible()
    opened.shoot("merge-draft")
    compared(page).get_by_role("button", name="Go on with the result").click()
    expect(row(page, "numpy")).to_have_count(0)
    expect(row(page, "pandas")).to_have_count(1)


def test_without_changes_of_ones_own_theirs_is_shown(opened: Visit, users: Users, name: str) -> None:
    saved_by_another(users, name, dependencies=["idna==3.7.0"])
    expect(spec(row(opened.page, "idna"))).to_have_text("==3.7.0")
    expect(opened.page.get_by_text("unsaved changes")).to_have_count(0)
