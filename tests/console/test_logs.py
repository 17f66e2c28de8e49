"""The log viewer: attempts, search, lines with addresses, and a connection that breaks."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from dagy_builder.storage.store import ObjectStore
from tests.console import given
from tests.console.given import WORKSHOP
from tests.console.visit import SCREENSHOTS, Visit
from tests.fakes.api import Users, folder_of, unique
from tests.fakes.growing_log import GrowingLog, growing_log

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]
LINES = [
    "=== install ===",
    *(f"+ package-{number}==1.{number}.0" for number in range(300)),
    "error: HTTP status client error (403 Forbidden) for url (https://files.example/scipy.whl)",
    "  retried, 2 of 3 – ümläut",
    *(f"+ other-{number}==2.{number}.0" for number in range(100)),
    "=== package ===",
    "Packed 400 packages",
]
MEASURE = """async () => {
  const from = performance.now();
  [...document.querySelectorAll("a")].find((link) => link.textContent === "Build Logs").click();
  while (document.querySelector(".log-state")?.textContent !== "Ended") await new Promise(requestAnimationFrame);
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  return (performance.now() - from) / 1000;
}"""
"""Seconds from the click to the log's last line, drawn; without the test's own way to the browser."""
TEXT = "".join(f"{line}\n" for line in LINES)


@pytest.fixture
def log() -> Iterator[GrowingLog]:
    with growing_log() as log:
        yield log


@pytest.fixture
def building(users: Users, ben: str) -> str:
    """A package whose first attempt at building is under way."""
    name = unique("logged")
    status = {"build": {"attempt": 1, "jobName": "build-1", "startedAt": "2026-11-26T00:00:00Z"}}
    given.package(
        users, name, phase="INSTALLING", message="Installing 400 packages.", settled=False, status=status,
        spec={"displayName": "Nightly"},
    )  # fmt: skip
    return name


def opened(visit: Visit, user: str, name: str, log: GrowingLog | None, more: str = "") -> Page:
    """Its log, which comes from that server."""
    if log:
        visit.page.route("**/logs?*", lambda route: elsewhere(route, log))
    page = visit.sign_in(user, f"packages/{WORKSHOP}/{name}?tab=logs{more}")
    expect(page.get_by_role("region", name="Log of")).to_be_visible()
    return page


def elsewhere(route: Route, log: GrowingLog) -> None:
    route.continue_(url=f"{log.url}/logs?{route.request.url.partition('?')[2]}")


def said(page: Page, words: str | re.Pattern[str]) -> None:
    expect(page.locator(".log-state")).to_have_text(words)


def copied(page: Page) -> str:
    page.get_by_role("button", name="Copy").last.click()
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_a_broken_connection_goes_on_at_its_byte(visit: Visit, ben: str, building: str, log: GrowingLog) -> None:
    visit.expected = [r"ERR_INCOMPLETE_CHUNKED_ENCODING"]
    whole = TEXT.encode()
    letter = whole.index("ü".encode()) + 1  # a connection that ends in the middle of it
    log.grow(whole[:2000])
    page = opened(visit, ben, building, log)
    expect(page.get_by_text("+ package-80==1.80.0")).to_be_visible()
    log.cut()
    log.grow(whole[2000:letter])
    expect(page.get_by_text("403 Forbidden")).to_be_visible()
    log.cut()
    log.grow(whole[letter:])
    expect(page.get_by_text("Packed 400 packages")).to_be_visible()
    said(page, "Running: new lines come by themselves")
    log.grow("s3://bucket/key\n", ended=True)
    said(page, "Ended")
    assert copied(page) == TEXT + "s3://bucket/key\n", "nothing twice, nothing lost"
    assert log.asked == [0, 2000, letter]


def test_while_the_api_is_away_the_log_says_so(visit: Visit, ben: str, building: str, log: GrowingLog) -> None:
    visit.expected = [r"ERR_INCOMPLETE_CHUNKED_ENCODING", r"ERR_CONNECTION_REFUSED"]
    log.grow(TEXT)
    page = opened(visit, ben, building, log)
    expect(page.get_by_text("Packed 400 packages")).to_be_visible()
    page.route("**/logs?*", lambda route: route.abort("connectionrefused"))
    log.cut()
    log.grow("more\n")
    said(page, "The connection broke: it goes on where it was as soon as the API answers")
    visit.shoot("logs-broken")
    page.route("**/logs?*", lambda route: elsewhere(route, log))
    expect(page.get_by_text("more", exact=True)).to_be_visible()


def test_words_are_found_in_the_log(visit: Visit, ben: str, building: str, log: GrowingLog) -> None:
    log.grow(TEXT, ended=True)
    page = opened(visit, ben, building, log)
    said(page, "Ended")
    box = page.get_by_role("searchbox", name="Search the log")
    box.fill("OTHER-1")
    expect(page.get_by_text("11 lines")).to_be_visible()
    box.press("Enter")
    expect(page.get_by_text("1 of 11", exact=True)).to_be_visible()
    expect(page.locator(".pointed mark")).to_have_text("other-1")
    page.locator("h1").click()
    page.keyboard.press("F3")
    expect(page.get_by_text("2 of 11", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(r"#L314$"))
    page.keyboard.press("Shift+F3")
    page.get_by_role("button", name="Previous line that has it").click()
    expect(page.get_by_text("11 of 11", exact=True)).to_be_visible()
    visit.shoot("logs-found")
    box.fill("nowhere")
    expect(page.get_by_text("Not in this log")).to_be_visible()


def test_the_first_error_and_each_step_are_one_click_away(
    visit: Visit, ben: str, building: str, log: GrowingLog
) -> None:
    log.grow(TEXT, ended=True)
    page = opened(visit, ben, building, log)
    page.get_by_role("button", name="First error").click()
    expect(page.locator(".pointed")).to_contain_text("403 Forbidden")
    expect(page.locator(".pointed")).to_be_in_viewport()
    expect(page).to_have_url(re.compile(r"#L302$"))
    page.get_by_role("button", name="package", exact=True).click()
    expect(page.locator(".pointed")).to_have_text("=== package ===")


def test_a_line_has_an_address_and_a_part_can_be_copied(visit: Visit, ben: str, building: str, log: GrowingLog) -> None:
    log.grow(TEXT, ended=True)
    page = opened(visit, ben, building, log, "#L150")
    expect(page.locator(".pointed")).to_have_text("+ package-148==1.148.0")
    expect(page.locator(".pointed")).to_be_in_viewport()
    page.locator("[data-line='152'] a").click(modifiers=["Shift"])
    expect(page).to_have_url(re.compile(r"#L150-L152$"))
    visit.shoot("logs-part")
    assert copied(page) == "".join(f"+ package-{number}==1.{number}.0\n" for number in (148, 149, 150))
    page.get_by_role("button", name="Validate", exact=True).click()
    expect(page).to_have_url(re.compile(r"\?tab=logs&step=validate$"))


def test_scrolling_up_stops_following(visit: Visit, ben: str, building: str, log: GrowingLog) -> None:
    log.grow(TEXT)
    page = opened(visit, ben, building, log)
    expect(page.get_by_text("Packed 400 packages")).to_be_in_viewport()
    page.get_by_role("log").hover()
    page.mouse.wheel(0, -900)
    expect(page.get_by_label("Follow")).not_to_be_checked()
    log.grow("".join(f"late {number}\n" for number in range(12)))
    button = page.get_by_role("button", name="12 new lines")
    expect(button).to_be_visible()
    visit.shoot("logs-new-lines")
    button.click()
    expect(page.get_by_text("late 11")).to_be_in_viewport()
    expect(page.get_by_label("Follow")).to_be_checked()
    log.grow("latest\n")
    expect(page.get_by_text("latest")).to_be_in_viewport()


def test_the_whole_log_can_be_kept(visit: Visit, ben: str, building: str, log: GrowingLog) -> None:
    log.grow(TEXT, ended=True)
    page = opened(visit, ben, building, log)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == f"{building}-build-1.log"
    assert download.value.path().read_text() == TEXT


def test_each_attempt_has_its_log(visit: Visit, ben: str, users: Users, objects: ObjectStore) -> None:
    name = unique("tried")
    given.package(users, name, phase="FAILED", message="The build failed.", spec={"displayName": "Tried"})
    folder = folder_of(users, WORKSHOP, name, slug := "T" + unique("")[1:8].upper())
    uris = {}
    for number in (1, 2):
        key = f"{folder}/logs/build-{number}.log"
        objects.put(key, f"=== install ===\nerror: attempt {number}\n".encode(), "text/plain")
        uris[number] = f"s3://{objects.bucket}/{key}"
    gone = f"s3://{objects.bucket}/{folder}/logs/build-0.log"
    attempt = {"job": "build", "jobName": "j", "reason": "BuildFailed", "message": "It failed."}
    attempts = [
        {**attempt, "number": 1, "logUri": uris[1], "jobName": "j1"},
        {**attempt, "number": 2, "logUri": gone, "jobName": "j2"},
    ]
    given.tell(users, name, {"slug": slug, "build": {"attempt": 3, "attempts": attempts, "logUri": uris[2]}})
    page = opened(visit, ben, name, None)
    expect(page.get_by_text("error: attempt 2")).to_be_visible()
    visit.shoot("logs-attempts")
    page.get_by_label("Attempt").select_option("1")
    expect(page.get_by_text("error: attempt 1")).to_be_visible()
    expect(page).to_have_url(re.compile(r"step=build&attempt=1$"))
    visit.expected = [r"status of 404"]
    page.get_by_label("Attempt").select_option("2")
    expect(page.get_by_role("heading", name="No log of this attempt")).to_be_visible()
    visit.shoot("logs-attempt-gone")


def test_a_log_of_two_hundred_thousand_lines_is_quick(visit: Visit, ben: str, building: str, log: GrowingLog) -> None:
    log.grow("".join(f"+ package-{number}==1.{number}.0\n" for number in range(200_000)), ended=True)
    page = opened(visit, ben, building, log)
    said(page, "Ended")
    page.get_by_role("link", name="Package", exact=True).click()
    measured = page.evaluate(MEASURE)
    expect(page.get_by_text("+ package-199999==1.199999.0")).to_be_in_viewport()
    print(f"log of 200,000 lines: {measured:.2f} s")
    page.get_by_role("searchbox", name="Search the log").fill("package-199")
    expect(page.get_by_text("1,111 lines")).to_be_visible()


def test_a_log_of_two_million_lines_is_bounded(visit: Visit, ben: str, building: str, log: GrowingLog) -> None:
    log.grow("".join(f"+ package-{number}\n" for number in range(2_000_000)), ended=True)
    page = opened(visit, ben, building, log)
    said(page, "Ended")
    expect(page.get_by_text("+ package-1999999")).to_be_in_viewport()
    expect(page.get_by_text("The first 1,700,000 lines are left out here, because the log is so long.")).to_be_visible()
    assert page.locator(".log pre").count() == 1500
    page.screenshot(path=SCREENSHOTS / "logs-bounded-1280-light.png")  # axe would look at each line
