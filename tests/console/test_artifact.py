"""The artifact page: which ZIPs there are, what lies in each, how they differ, and what can be downloaded."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from dagy_builder.storage.store import ObjectStore
from tests.console import given
from tests.console.forecast import Forecast, opened
from tests.console.visit import Visit, visiting
from tests.fakes.api import Users, serving
from tests.fakes.artifacts import RECORD

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]


@pytest.fixture
def forecast(users: Users, objects: ObjectStore, ben: str) -> Forecast:
    return Forecast(users, objects)


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=re.compile(f"^{name}")))


def revision(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Revision", exact=True)


def copied(page: Page) -> str:
    found: str = page.evaluate("() => navigator.clipboard.readText()")
    return found


def test_what_takes_the_space(visit: Visit, ben: str, forecast: Forecast) -> None:
    page = opened(visit, ben, forecast)
    expect(row(page, "numpy")).to_contain_text("700 kB")
    expect(page.get_by_role("meter", name="numpy: 700 kB")).to_be_visible()
    names = page.get_by_role("rowheader").all_inner_texts()
    assert names == ["numpy 2.2.0", "pandas 2.3.1", "requests 2.32.3", "idna 3.10"], "the largest first"
    page.get_by_role("button", name="Copy SHA-256").click()
    expect(page.get_by_role("button", name="Copied SHA-256")).to_be_visible()
    assert copied(page) == forecast.present
    page.get_by_role("button", name="Copy S3 URI").click()
    expect(page.get_by_role("button", name="Copied S3 URI")).to_be_visible()
    assert copied(page) == forecast.known[0]["uri"]
    page.get_by_role("button", name="pandas/").click()
    page.get_by_role("button", name="io/").click()
    page.get_by_role("button", name="parsers/").click()
    expect(page.get_by_text("reader_29.py")).to_be_visible()
    visit.shoot("artifact-contents")
    visit.shoot("artifact-files", at=page.get_by_role("region", name="Files"))
    page.get_by_role("searchbox", name="Find a file").fill("parsers reader_1")
    expect(page.get_by_text("11 files")).to_be_visible()
    expect(page.get_by_text("pandas/io/parsers/reader_19.py")).to_be_visible()
    visit.shoot("artifact-found", at=page.get_by_role("region", name="Files"))


def test_packages_with_licence_and_hash(visit: Visit, ben: str, forecast: Forecast) -> None:
    page = opened(visit, ben, forecast)
    page.get_by_role("button", name="Packages", exact=True).click()
    expect(row(page, "numpy")).to_contain_text("BSD-3-Clause AND MIT")
    expect(row(page, "numpy")).to_contain_text("transitive")
    expect(row(page, "pandas")).to_contain_text("direct")
    expect(row(page, "pandas")).to_contain_text("pandas-2.3.1-py3-none-any.whl")
    visit.shoot("artifact-packages", at=page.get_by_role("region", name="Packages"))
    page.get_by_role("button", name="Size", exact=True).click()
    page.get_by_role("button", name="Size", exact=True).click()
    expect(page.get_by_role("rowheader").first).to_contain_text("numpy")
    expect(page.get_by_role("columnheader", name="Size")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("group", name="Asked for").get_by_role("button", name="Direct").click()
    expect(page.get_by_role("rowheader")).to_have_count(2)
    page.get_by_role("searchbox", name="Filter packages").fill("apache")
    expect(page.get_by_role("rowheader")).to_have_text(["requests 2.32.3"])
    expect(page.get_by_text("1 of 4")).to_be_visible()
    with page.expect_download() as saving:
        page.get_by_role("button", name="pylock.toml").click()
    assert saving.value.suggested_filename == "pylock.toml"
    found = tomllib.loads(Path(saving.value.path()).read_text())
    assert {one["name"] for one in found["packages"]} == {"numpy", "pandas", "requests", "idna"}


def test_changes_between_two(visit: Visit, ben: str, forecast: Forecast) -> None:
    page = opened(visit, ben, forecast)
    page.get_by_role("button", name="Changes", exact=True).click()
    expect(page.get_by_role("heading", name="3 changes")).to_be_visible()
    assert [line.replace("\n", "").split("\t") for line in page.locator("tbody tr").all_inner_texts()] == [
        ["added", "idna", "3.10", "+4.0 kB"],
        ["up", "pandas", "2.2.3 → 2.3.1", "±0"],
        ["removed", "six", "1.16.0", "−4.0 kB"],
    ]
    visit.shoot("artifact-changes", at=page.get_by_role("region", name="3 changes"))
    page.get_by_role("button", name="Copy as Markdown").click()
    expect(page.get_by_role("button", name="Copied", exact=True)).to_be_visible()
    assert copied(page).splitlines()[:3] == [
        "| Change | Package | From | To | Size |",
        "|---|---|---|---|---|",
        "| added | idna | – | 3.10 | +4.0 kB |",
    ]
    revision(page).select_option(forecast.earlier)
    expect(page).to_have_url(re.compile(f"revision={forecast.earlier[:12]}"))
    expect(row(page, "pandas")).to_contain_text("down")
    page.reload()
    expect(revision(page)).to_have_value(forecast.earlier)
    expect(row(page, "pandas")).to_contain_text("down")


def test_bill_of_materials_and_record(visit: Visit, ben: str, forecast: Forecast) -> None:
    page = opened(visit, ben, forecast, "&part=sbom")
    expect(row(page, "BSD-3-Clause")).to_have_count(2)
    expect(page.get_by_text("CycloneDX 1.6 · 4 components")).to_be_visible()
    with page.expect_download() as saving:
        page.get_by_role("button", name="CycloneDX").click()
    assert saving.value.suggested_filename == f"{forecast.name}-{forecast.present[:12]}.cdx.json"
    assert json.loads(Path(saving.value.path()).read_text())["bomFormat"] == "CycloneDX"
    page.get_by_role("button", name="Show the document").click()
    expect(page.get_by_label("The document")).to_contain_text('"bomFormat": "CycloneDX"')
    visit.shoot("artifact-sbom", at=page.get_by_role("region", name="Bill of materials"))
    page.get_by_role("button", name="Record", exact=True).click()
    expect(page.get_by_role("meter", name="install: 1.5 seconds")).to_be_visible()
    page.get_by_role("button", name="Copy image").click()
    expect(page.get_by_role("button", name="Copied image")).to_be_visible()
    assert copied(page) == RECORD["image"]
    visit.shoot("artifact-record", at=page.get_by_role("region", name="How it was built"))


def test_each_zip_can_be_downloaded(visit: Visit, ben: str, forecast: Forecast) -> None:
    page = opened(visit, ben, forecast)
    for sha256 in (forecast.present, forecast.earlier):
        revision(page).select_option(sha256)
        with page.expect_download() as saving:
            page.get_by_role("button", name="Download ZIP").click()
        assert hashlib.sha256(Path(saving.value.path()).read_bytes()).hexdigest() == sha256
        assert saving.value.suggested_filename == f"{forecast.name}-{forecast.slug}-py3.12-{sha256[:12]}.zip"
    expect(page.get_by_role("heading", name="Forecast")).to_be_visible()


def test_no_zip_yet(visit: Visit, ben: str, users: Users, objects: ObjectStore) -> None:
    opened(visit, ben, Forecast(users, objects, revisions=0))
    expect(visit.page.get_by_role("heading", name="No ZIP yet")).to_be_visible()
    visit.shoot("artifact-none")


def test_only_one_zip(visit: Visit, ben: str, users: Users, objects: ObjectStore) -> None:
    opened(visit, ben, Forecast(users, objects, revisions=1), "&part=changes")
    expect(visit.page.get_by_role("heading", name="Nothing to compare with")).to_be_visible()
    visit.shoot("artifact-alone")


def test_the_last_good_zip_of_an_earlier_list(visit: Visit, ben: str, forecast: Forecast) -> None:
    forecast.tell(phase="INVALID", message="pandas has no such release.", conditions=given.conditions("INVALID", True))
    page = opened(visit, ben, forecast)
    expect(page.get_by_text("This ZIP is of an earlier list")).to_be_visible()
    visit.shoot("artifact-outdated")
    revision(page).select_option(forecast.earlier)
    expect(page.get_by_text("This ZIP is of an earlier list")).to_have_count(0)


def test_what_is_gone_is_said(visit: Visit, ben: str, forecast: Forecast) -> None:
    visit.expected = [r"status of 404"]
    forecast.forget(forecast.present)
    page = opened(visit, ben, forecast)
    expect(page.get_by_role("heading", name="Gone from storage")).to_be_visible()
    visit.shoot("artifact-gone")
    page.get_by_role("button", name="Download ZIP").click()
    expect(page.get_by_role("alert")).to_contain_text("The ZIP is not in S3 any more.")
    for part in ("Packages", "Changes", "SBOM", "Record"):
        page.get_by_role("button", name=part, exact=True).click()
        expect(page.get_by_role("heading", name="Gone from storage")).to_be_visible()
    revision(page).select_option(forecast.earlier)
    expect(page.get_by_role("meter", name="install: 1.5 seconds")).to_be_visible()


def test_a_revision_that_is_not_kept(visit: Visit, ben: str, forecast: Forecast) -> None:
    page = opened(visit, ben, forecast, "&revision=ffffffffffff")
    expect(page.get_by_role("heading", name="This revision is not kept any more")).to_be_visible()
    visit.shoot("artifact-not-kept")
    page.get_by_role("button", name="Show the newest").click()
    expect(revision(page)).to_have_value(forecast.present)


@pytest.fixture
def unstored(browser: Any, kubeconfig: str, users: Users, objects: ObjectStore, axe: str) -> Iterator[Visit]:
    """A visit to an API that has no settings of S3."""
    with serving(kubeconfig, users, "") as api, visiting(browser, api, axe) as visit:
        yield visit


def test_without_s3(unstored: Visit, ben: str, forecast: Forecast) -> None:
    page = opened(unstored, ben, forecast)
    expect(page.get_by_role("heading", name="S3 is not configured here")).to_be_visible()
    expect(page.get_by_role("button", name="Download ZIP")).to_be_disabled()
    expect(page.get_by_role("button", name="Copy SHA-256")).to_be_visible()
    unstored.shoot("artifact-no-s3")
