"""Validate and Save & Build: three steps, what went wrong, and what is told wherever one is."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.console import given
from tests.console.given import WORKSHOP
from tests.console.test_editor import row, spec, stored
from tests.console.visit import Visit
from tests.fakes.api import Users, unique

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]


@pytest.fixture
def name(users: Users, ben: str) -> str:
    """A package that was saved and nothing else."""
    name = unique("built")
    given.package(
        users, name, phase="PENDING", spec={"displayName": "Nightly", "dependencies": ["pandas==1.5.3", "idna"]}
    )
    return name


@pytest.fixture
def opened(visit: Visit, ben: str, name: str) -> Visit:
    """Its page."""
    visit.sign_in(ben, f"packages/{WORKSHOP}/{name}")
    expect(visit.page.get_by_role("heading", name="Nightly")).to_be_visible()
    return visit


def tell(users: Users, name: str, phase: str, message: str = "", *, settled: bool = False, **status: object) -> None:
    """The operator's next word, which answers each request that there is."""
    annotations = users.kubectl(
        "get",
        "deppackage",
        name,
        f"--namespace={WORKSHOP}",
        "-o",
        "jsonpath={.metadata.annotations.dagy\\.io/build} {.metadata.annotations.dagy\\.io/validate} {.metadata.generation}",
    )
    build, validate, generation = annotations.split(" ")
    handled = {key: value for key, value in (("lastHandledBuild", build), ("lastHandledValidate", validate)) if value}
    conditions = given.conditions(phase, settled, int(generation))
    given.tell(
        users,
        name,
        {
            "phase": phase,
            "message": message,
            "observedGeneration": int(generation),
            "conditions": conditions,
            **handled,
            **status,
        },
    )


def step(page: Page, words: str) -> None:
    expect(page.get_by_role("region", name="Progress")).to_contain_text(words)


VALIDATED = {"validation": {"specHash": "x", "time": "2026-11-26T00:00:00Z", "errors": []}}
REJECTED = {
    "validation": {
        "specHash": "x", "time": "2026-11-26T00:00:00Z", "reason": "NoMatchingRelease", "raw": "No solution found",
        "errors": [
            {
                "message": "pandas==1.5.3 has no wheel for Python 3.12; the newest that has one is 2.3.1.",
                "requirement": "pandas==1.5.3", "wanted": "==1.5.3", "exists": "2.2.0 to 2.3.1", "hint": "Ask for pandas>=2.3.0.", "index": 0,
                "fixes": [{"requirement": "pandas==1.5.3", "replacement": "pandas>=2.3.0,<2.4.0", "version": "2.3.1", "tried": True}],
            }
        ],
    }
}  # fmt: skip


def test_save_and_build_goes_through_three_steps(opened: Visit, users: Users, name: str) -> None:
    page = opened.page
    page.keyboard.press("Control+Enter")
    step(page, "under way")
    tell(users, name, "VALIDATING", "Resolving 2 requirements.")
    step(page, "Resolving 2 requirements.")
    opened.shoot("build-validating")
    tell(users, name, "QUEUED", "Waits for one of 2 places to build.", **VALIDATED, build={"queuePosition": 3})
    step(page, "Number 3 in the queue.")
    for phase in ("INSTALLING", "PACKAGING", "UPLOADING"):
        tell(users, name, phase, f"{phase.capitalize()} 2 packages.")
        step(page, f"{phase.capitalize()} 2 packages.")
    opened.shoot("build-under-way")
    tell(users, name, "COMPLETED", "2 packages in a ZIP of 12 MB.", settled=True, slug="N1G2H3T4")
    step(page, "2 packages in a ZIP of 12 MB.")
    expect(page.get_by_text("valid for this list")).to_be_visible()
    expect(page.get_by_role("button", name="Copy slug N1G2H3T4")).to_be_visible()
    opened.shoot("build-completed")


def test_one_may_leave_and_is_told_how_it_ended(opened: Visit, users: Users, name: str) -> None:
    page = opened.page
    page.get_by_role("button", name="Save & Build").click()
    step(page, "You may leave this page.")
    page.get_by_role("navigation", name="Console").get_by_role("link", name="Dep Packages").click()
    expect(page.get_by_role("heading", name="Dep Packages")).to_be_visible()
    tell(users, name, "INSTALLING", **VALIDATED)
    tell(users, name, "COMPLETED", settled=True)
    expect(page.get_by_role("region", name="Notifications")).to_contain_text("Nightly is built.")
    page.get_by_role("region", name="Notifications").get_by_role("link", name="Open").click()
    expect(page.get_by_role("heading", name="Nightly")).to_be_visible()


def test_a_list_that_does_not_resolve_is_told_with_its_row(opened: Visit, users: Users, name: str) -> None:
    page = opened.page
    with page.expect_response("**/*%3Avalidate"):
        page.get_by_role("button", name="Validate", exact=True).last.click()
    tell(users, name, "INVALID", "pandas==1.5.3 has no wheel for Python 3.12.", settled=True, **REJECTED)
    panel = page.get_by_role("alert")
    expect(panel).to_contain_text("Not valid: 1 problem. Nothing was built")
    expect(panel).to_contain_text("pandas==1.5.3 has no wheel for Python 3.12; the newest that has one is 2.3.1.")
    expect(row(page, "pandas")).to_have_class("dependency choice at-fault")
    expect(page.get_by_text("not valid", exact=True)).to_be_visible()
    opened.shoot("build-invalid")
    row(page, "pandas").get_by_label("Major of pandas", exact=True).select_option("2")
    expect(page.get_by_text("Not checked since your changes.")).to_be_visible()
    with page.expect_response("**/*%3Abuild"):
        page.get_by_role("button", name="Save & Build").click()
    tell(users, name, "INSTALLING", **VALIDATED)
    expect(page.get_by_text("valid for this list")).to_be_visible()
    assert stored(users, name)["dependencies"] == ["pandas==2.3.1", "idna"]


def test_a_fix_that_is_proposed_is_one_click(opened: Visit, users: Users, name: str) -> None:
    page = opened.page
    tell(users, name, "INVALID", "pandas==1.5.3 has no wheel for Python 3.12.", settled=True, **REJECTED)
    expect(page.get_by_role("button", name="Apply the fix and validate again")).to_be_visible()
    opened.shoot("build-fixes")
    page.get_by_role("button", name="Change to pandas>=2.3.0,<2.4.0").click()
    expect(spec(row(page, "pandas"))).to_have_text(">=2.3.0,<2.4.0")
    page.get_by_role("button", name="Undo").click()
    expect(spec(row(page, "pandas"))).to_have_text("==1.5.3")
    page.get_by_role("button", name="Apply the fix and validate again").click()
    expect(page.get_by_text("unsaved changes")).to_have_count(0)
    assert stored(users, name)["dependencies"] == ["pandas>=2.3.0,<2.4.0", "idna"]


def test_a_step_that_has_not_run_has_no_log(opened: Visit) -> None:
    opened.expected = [r"status of 404"]
    opened.page.get_by_role("link", name="Build Logs").click()
    expect(opened.page.get_by_role("heading", name="No log yet")).to_be_visible()
    opened.shoot("logs-none")
