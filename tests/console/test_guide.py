"""Adding, choosing and importing in the guide's own words, where no other test has them; docs/guide-coverage.md names all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.console.given import WORKSHOP, named
from tests.console.looks import box, tone
from tests.console.test_editor import add, found, imported, row, spec, stored
from tests.console.visit import Visit
from tests.fakes.api import Users, unique

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]

FORMATS = """\
requests==2.31.0          # exact pin
flask>=3.0,<4.0           # range
numpy                     # any version (empty spec)
scikit-learn>=1.3         # minimum version
strands-agents[a2a]       # extras supported
mylib @ https://files.example/mylib-1-py3-none-any.whl      # direct references
"""
"""The guide's example of a requirements.txt."""


@pytest.fixture
def new(visit: Visit, ben: str) -> Page:
    """A new package, not saved yet. Some of its dependencies are not on the index."""
    visit.expected = [r"status of 404 .*/index/projects/"]
    page = visit.sign_in(ben, f"new?ns={WORKSHOP}")
    expect(page.get_by_role("heading", name="New Package")).to_be_visible()
    return page


def test_a_package_is_begun_as_the_guide_says(visit: Visit, ben: str) -> None:
    page = visit.sign_in(ben, f"packages/{WORKSHOP}/not-there")
    visit.expected = [r"status of 404"]
    page.get_by_role("navigation", name="Console").get_by_role("link", name="Dep Packages").click()
    page.get_by_role("button", name="New Package").first.click()
    page.get_by_label("Name", exact=True).fill("ML Pipeline Deps")
    python = page.get_by_label("Python Version")
    assert python.get_by_role("option").all_inner_texts() == ["3.10", "3.11", "3.12", "3.13"]
    python.select_option("3.11")
    expect(page.get_by_label("Description")).to_have_attribute("placeholder", "Optional context")
    page.get_by_label("Description").fill("For the nightly run")
    expect(page.get_by_role("region", name="Package Details")).to_contain_text("Python Version")


@pytest.mark.parametrize("asked", ["requests==2.31.0", "requests>=2.0"])
def test_a_constraint_that_is_typed_is_kept(new: Page, asked: str) -> None:
    new.get_by_label("Search PyPI").fill(asked)
    expect(found(new).first).to_be_visible()
    new.get_by_label("Search PyPI").press("Enter")
    line = row(new, "requests")
    if asked.endswith("2.31.0"):
        expect(spec(line)).to_have_text("==2.31.0")
    else:
        expect(line.get_by_label("Requirement requests")).to_have_value("requests>=2.0")


def test_a_name_that_is_typed_to_its_end_is_not_taken_for_its_beginning(new: Page) -> None:
    search = new.get_by_label("Search PyPI")
    search.fill("pandas")
    expect(found(new).first.locator("strong")).to_have_text("pandas")
    search.press_sequentially("-stubs")
    search.press("Enter")
    expect(row(new, "pandas-stubs")).to_be_visible()
    expect(row(new, "pandas")).to_have_count(0)


def test_locks_are_to_the_left_of_their_dropdowns_and_the_badge_to_the_right(new: Page) -> None:
    pandas = add(new, "pandas")
    parts = [pandas.get_by_label(f"{part} of pandas", exact=True) for part in ("Major", "Minor", "Build")]
    places = [box(part)["x"] for part in parts]
    assert places == sorted(places), "cascading Major, Minor, and Build"
    for part, dropdown in zip(("Major", "Minor"), parts, strict=False):
        lock = pandas.get_by_role("button", name=f"Lock {part} of pandas")
        assert box(lock)["x"] < box(dropdown)["x"]
    assert box(spec(pandas))["x"] > places[-1]


def test_a_lock_says_what_it_allows(new: Page) -> None:
    pandas = add(new, "pandas")
    major = pandas.get_by_role("button", name="Lock Major of pandas")
    minor = pandas.get_by_role("button", name="Lock Minor of pandas")
    expect(minor).to_have_attribute("title", "Minor locked: any 2.3.x")
    minor.click()
    expect(major).to_have_attribute("title", "Major locked: any 2.x")
    expect(minor).to_have_attribute("title", "Minor unlocked: lock it to allow any 2.3.x")
    for part in ("Minor", "Build"):
        told = pandas.get_by_label(f"{part} of pandas", exact=True)
        expect(told).to_have_attribute("title", "For information: the lock leaves it to the build")
    major.click()
    expect(major).to_have_attribute("title", "Major unlocked: lock it to allow any 2.x")


def test_any_dims_the_dropdowns_and_stores_an_empty_spec(new: Page, users: Users) -> None:
    name = unique("any")
    new.get_by_label("Name", exact=True).fill(name)
    pandas = add(new, "pandas")
    expect(spec(pandas)).to_have_attribute("title", "Click to allow any version")
    spec(pandas).click()
    for part in ("Major", "Minor", "Build"):
        expect(pandas.get_by_label(f"{part} of pandas", exact=True)).to_be_disabled()
    expect(pandas).to_contain_text("Builds may differ")
    told = "Any version: the latest that fits is resolved at build time. Click to choose a version"
    expect(spec(pandas)).to_have_attribute("title", told)
    new.get_by_role("button", name="Save", exact=True).click()
    expect(new.get_by_text("Saved. Save alone builds nothing.")).to_be_visible()
    assert stored(users, name)["dependencies"] == ["pandas"]
    annotations = named(users, name)[0]["metadata"].get("annotations", {})
    assert not [one for one in annotations if one in ("dagy.io/build", "dagy.io/validate")], "Save alone builds nothing"


def test_all_formats_of_the_guide_are_imported(new: Page) -> None:
    imported(new, FORMATS)
    expect(spec(row(new, "requests"))).to_have_text("==2.31.0")
    expect(new.get_by_label("Requirement flask")).to_have_value("flask>=3.0,<4.0")
    expect(spec(row(new, "numpy"))).to_have_text("any")
    expect(new.get_by_label("Requirement scikit-learn")).to_have_value("scikit-learn>=1.3")
    expect(new.get_by_role("row", name="strands-agents")).to_contain_text("a2a")
    expect(new.get_by_label("Requirement mylib")).to_have_value(re.compile("^mylib @ https://files.example/"))


def test_directives_are_ignored_and_markers_stripped(new: Page) -> None:
    lines = ["# a comment", "-r other.txt", "-c constraints.txt", "-e .", "--index-url https://index.example/simple"]
    new.get_by_role("button", name="Import").click()
    new.get_by_label("Paste it here").fill("\n".join([*lines, 'numpy>=1.26 ; python_version >= "3.8"']))
    dialog = new.get_by_role("dialog")
    expect(dialog.get_by_text("1 to add · 0 skipped · 0 conflicts · 0 lines that can't be used")).to_be_visible()
    dialog.get_by_role("button", name="Add 1").click()
    expect(new.get_by_text("1 of 200")).to_be_visible()
    expect(new.get_by_label("Requirement numpy")).to_have_value("numpy>=1.26")


def test_an_export_of_pip_freeze_is_imported_from_its_file(new: Page, tmp_path: Path) -> None:
    frozen = tmp_path / "requirements.txt"
    frozen.write_text("idna==3.10.0\nnumpy==2.2.0\npandas==2.3.1\nrequests==2.32.3\n")
    new.get_by_role("button", name="Import").click()
    new.get_by_label("Choose a requirements.txt").set_input_files(frozen)
    new.get_by_role("dialog").get_by_role("button", name="Add 4").click()
    for name, pinned in (("idna", "==3.10.0"), ("numpy", "==2.2.0"), ("pandas", "==2.3.1"), ("requests", "==2.32.3")):
        expect(spec(row(new, name))).to_have_text(pinned)


@pytest.mark.parametrize(
    "spelled", ["scikit-learn", "scikit_learn", "Scikit.Learn", "SCIKIT_LEARN", "scikit-learn[a2a]"]
)
def test_every_spelling_is_the_same_package(new: Page, spelled: str) -> None:
    add(new, "scikit-learn")
    new.get_by_label("Search PyPI").fill(spelled)
    expect(found(new).first).to_be_visible()
    new.get_by_label("Search PyPI").press("Enter")
    expect(new.get_by_text("Package is already in the list.")).to_be_visible()
    expect(new.get_by_text("1 of 200")).to_be_visible()


@pytest.mark.parametrize(
    ("lines", "toast", "kept"),
    [
        (["pandas==2.2.0"], "0 added, 1 skipped.", "==2.2.0"),
        (["requests==2.31.0", "Requests==2.31.0", "requests==2.32.3"], "1 added, 2 skipped.", "==2.2.0"),
    ],
    ids=["the same version", "the same name in one import"],
)
def test_what_is_there_already_is_skipped_and_counted(new: Page, lines: list[str], toast: str, kept: str) -> None:
    imported(new, "pandas==2.2.0\n")
    expect(spec(row(new, "pandas"))).to_have_text("==2.2.0")
    new.get_by_role("button", name="Import").click()
    new.get_by_label("Paste it here").fill("\n".join(lines))
    new.get_by_role("dialog").get_by_role("button", name=re.compile("^(Skip|Add) 1$")).click()
    expect(new.get_by_role("region", name="Notifications")).to_contain_text(toast)
    expect(spec(row(new, "pandas"))).to_have_text(kept)
    if len(lines) > 1:
        expect(spec(row(new, "requests"))).to_have_text("==2.31.0")


def test_the_banner_is_amber_and_in_the_dependencies_section(new: Page) -> None:
    for name in ("pandas", "numpy"):
        add(new, name)
    imported(new, "pandas==2.2.0\nnumpy>=1.26,<2\n")
    banner = new.get_by_role("region", name="Dependencies", exact=True).get_by_role(
        "region", name="2 version conflicts"
    )
    assert tone(banner) == "amber"
    first = banner.get_by_role("listitem").first
    for words in ("pandas", "existing >=2.3.0,<2.4.0", "incoming ==2.2.0", "Keep existing", "Use incoming"):
        expect(first).to_contain_text(words)
    for words in ("Keep All Existing", "Use All Incoming"):
        assert box(banner.get_by_role("button", name=words))["y"] < box(first)["y"], "at the top of the banner"


def test_a_package_holds_two_hundred(new: Page) -> None:
    imported(new, "".join(f"package-{number}==1.0\n" for number in range(200)))
    expect(new.get_by_text("200 of 200")).to_be_visible()
    expect(new.get_by_label("Search PyPI")).to_be_disabled()
    expect(new.get_by_text("A package holds 200 dependencies at most.")).to_be_visible()
    new.get_by_role("button", name="Import").click()
    new.get_by_label("Paste it here").fill("one-more==1.0\n")
    expect(new.get_by_role("alert")).to_contain_text("That is 1 more than a package may hold.")
    expect(new.get_by_role("dialog").get_by_role("button", name="Add 1")).to_be_disabled()
