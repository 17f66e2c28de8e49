"""What a row of the editor offers beside its version: extras, pre-releases, and a word where nothing fits."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.console.test_editor import add, imported, new, row, spec
from tests.console.visit import Visit

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]
__all__ = ["new"]


def test_extras_are_chips(new: Visit) -> None:
    page = new.page
    add(page, "pandas")
    for written in ("Excel", "performance"):
        row(page, "pandas").get_by_role("button", name="Add an extra of pandas").click()
        page.get_by_label("Extra of pandas").fill(written)
        page.get_by_label("Extra of pandas").press("Enter")
    expect(row(page, "pandas").locator(".tag")).to_have_text(["excel", "performance"])
    new.shoot("editor-extras")
    row(page, "pandas").get_by_role("button", name="Remove extra excel of pandas").click()
    expect(row(page, "pandas").locator(".tag")).to_have_text(["performance"])
    page.get_by_role("button", name="Text").click()
    expect(page.get_by_label("Dependencies as requirements.txt")).to_have_value("pandas[performance]>=2.3.0,<2.4.0")
    page.get_by_role("button", name="Table").click()
    page.get_by_role("button", name="Undo").click()
    expect(row(page, "pandas").locator(".tag")).to_have_text(["excel", "performance"])


def test_a_wrong_extra_is_refused_in_words(new: Visit) -> None:
    page = new.page
    add(page, "pandas")
    row(page, "pandas").get_by_role("button", name="Add an extra of pandas").click()
    page.get_by_label("Extra of pandas").fill("not one]")
    page.get_by_label("Extra of pandas").press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(spec(row(page, "pandas"))).to_have_text(">=2.3.0,<2.4.0")
    expect(row(page, "pandas").locator(".tag")).to_have_count(0)


def test_pre_releases_are_shown_when_they_are_asked_for(new: Visit) -> None:
    page = new.page
    requests = add(page, "requests")
    minor = requests.get_by_label("Minor of requests", exact=True)
    expect(minor.get_by_role("option")).to_have_text(["32", "31"])
    page.get_by_label("Show pre-releases").check()
    expect(minor.get_by_role("option")).to_have_text(["33", "32", "31"])
    expect(spec(requests)).to_have_text(">=2.32.0,<2.33.0")
    requests.get_by_role("button", name="Lock Major of requests").click()
    minor.select_option("33")
    expect(spec(requests)).to_have_text("==2.33.0rc1")
    new.shoot("editor-prereleases")


def test_what_has_no_release_for_another_python_is_counted(new: Visit) -> None:
    page = new.page
    add(page, "pandas")
    imported(page, "distutils-user\nimp-user==1.0.0\n")
    expect(row(page, "imp-user")).to_be_visible()
    page.get_by_label("Python Version").select_option("3.13")
    line = page.get_by_text("2 dependencies have no release for Python 3.13 on amd64: distutils-user, imp-user")
    expect(line).to_be_visible()
    new.shoot("editor-misfits")
    page.get_by_role("button", name="Go to the next").click()
    expect(row(page, "distutils-user").locator(":focus")).to_have_count(1)
    page.get_by_role("button", name="Go to the next").click()
    expect(row(page, "imp-user").locator(":focus")).to_have_count(1)
    page.get_by_label("Python Version").select_option("3.12")
    expect(line).to_have_count(0)
