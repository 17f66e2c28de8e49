"""A package that may not be changed here: for want of rights, while it is deleted, and where a tool decides."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.console import given
from tests.console.given import WORKSHOP
from tests.console.test_editor import add
from tests.console.visit import Visit
from tests.fakes.api import Users, unique

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]


def read_only(page: Page) -> None:
    """Nothing on it can be changed, and all can be read."""
    expect(page.get_by_label("Name", exact=True)).not_to_be_editable()
    expect(page.get_by_label("Description")).not_to_be_editable()
    expect(page.get_by_label("Python Version")).to_be_disabled()
    expect(page.get_by_role("rowheader", name="idna")).to_be_visible()
    for name in ("Save", "Validate", "Save & Build", "Import", "Undo", "Remove idna"):
        expect(page.locator("main").get_by_role("button", name=name, exact=True)).to_have_count(0)


def label(users: Users, name: str, *labels: str) -> None:
    users.kubectl("label", "deppackage", name, f"--namespace={WORKSHOP}", *labels)


def test_a_tool_that_decides_is_named_and_asked_about(visit: Visit, ben: str, users: Users) -> None:
    name = unique("flux")
    given.package(users, name, phase="COMPLETED", spec={"displayName": "From Git"})
    domain = "kustomize.toolkit.fluxcd.io"
    label(users, name, f"{domain}/name=apps", f"{domain}/namespace=flux-system")
    page = visit.sign_in(ben, f"packages/{WORKSHOP}/{name}")
    expect(page.get_by_text("Flux Kustomization flux-system/apps decides about this package")).to_be_visible()
    read_only(page)
    visit.shoot("face-managed")
    page.get_by_role("button", name="Edit anyway").click()
    visit.shoot("face-managed-asked")
    page.get_by_role("button", name="Leave it").click()
    read_only(page)
    page.get_by_role("button", name="Edit anyway").click()
    page.get_by_role("dialog").get_by_role("button", name="Edit anyway").click()
    expect(page.get_by_text("may undo what you save here")).to_be_visible()
    add(page, "pandas")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("unsaved changes")).to_have_count(0)
    visit.shoot("face-managed-edited")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (("argocd.argoproj.io/instance=apps",), "Argo CD Application apps"),
        (("app.kubernetes.io/managed-by=Helm",), "Helm"),
    ],
)
def test_argo_cd_and_helm_are_named_too(
    visit: Visit, ben: str, users: Users, labels: tuple[str, ...], words: str
) -> None:
    name = unique("managed")
    given.package(users, name, phase="COMPLETED")
    label(users, name, *labels)
    page = visit.sign_in(ben, f"packages/{WORKSHOP}/{name}")
    expect(page.get_by_text(f"{words} decides about this package")).to_be_visible()
    read_only(page)


def test_what_holds_a_deletion_up_is_said(visit: Visit, ben: str, users: Users) -> None:
    name = unique("going")
    given.package(users, name, phase="COMPLETED", spec={"displayName": "Going"})
    patch = json.dumps({"metadata": {"finalizers": ["dagy.io/test"]}})
    users.kubectl("patch", "deppackage", name, f"--namespace={WORKSHOP}", "--type=merge", "-p", patch)
    users.kubectl("delete", "deppackage", name, f"--namespace={WORKSHOP}", "--wait=false")
    blocked = given.condition("DeletionBlocked", "True", "InUse", generation=2)
    why = "Flow deployment workshop/nightly uses it. Deploy that without it, or delete it, first."
    given.tell(users, name, {"conditions": [*given.conditions("COMPLETED", True), {**blocked, "message": why}]})
    page = visit.sign_in(ben, f"packages/{WORKSHOP}/{name}")
    expect(page.get_by_text("This package is being deleted.")).to_be_visible()
    expect(page.get_by_text(why)).to_be_visible()
    read_only(page)
    visit.shoot("face-deleting")
    free = json.dumps({"metadata": {"finalizers": None}})
    users.kubectl("patch", "deppackage", name, f"--namespace={WORKSHOP}", "--type=merge", "-p", free)
    visit.expected = [r"status of 404"]
    expect(page.get_by_text("This package has been deleted. What you see is how it was.")).to_be_visible()
    read_only(page)


def test_who_may_only_look_makes_nothing_either(visit: Visit, users: Users, ben: str) -> None:
    page = visit.sign_in("vera", "new?ns=team-a")
    expect(page.get_by_text("Ask its administrator for the role dagy-package-edit.")).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).not_to_be_editable()
    expect(page.get_by_role("button", name="Save & Build")).to_have_count(0)
    visit.shoot("face-may-not-make")


def test_the_check_says_which_list_it_is_for(visit: Visit, ben: str, users: Users) -> None:
    name = unique("checked")
    checked = {"specHash": "a" * 64, "time": "2026-11-26T00:00:00Z", "errors": []}
    status = {"specHash": "a" * 64, "validation": checked}
    given.package(users, name, phase="COMPLETED", status=status, spec={"displayName": "Checked"})
    page = visit.sign_in(ben, f"packages/{WORKSHOP}/{name}")
    verdict = page.locator(".verdict")
    expect(verdict).to_contain_text("valid for this list")
    add(page, "pandas")
    expect(verdict).to_have_text("valid for an earlier list")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("unsaved changes")).to_have_count(0)
    expect(verdict).to_have_text("valid for an earlier list")
    visit.shoot("face-earlier-list")
    # The operator has looked at the new list, and nobody has asked for its validation.
    told = {"phase": "PENDING", "observedGeneration": 2, "specHash": "b" * 64}
    given.tell(users, name, {**told, "conditions": given.conditions("PENDING", True, 2)})
    expect(page.get_by_text("PENDING", exact=True)).to_be_visible()
    expect(verdict).to_have_text("valid for an earlier list")
    again = {"phase": "VALID", "validation": {**checked, "specHash": "b" * 64}}
    given.tell(users, name, {**told, **again, "conditions": given.conditions("VALID", True, 2)})
    expect(verdict).to_contain_text("valid for this list")
