"""Flows: the list, the page of one, its runs and revisions, and what a package's page tells of them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.console import given_flows
from tests.console.given_flows import NAMESPACE, SLUG, USER, Runs
from tests.console.visit import NARROW, Visit
from tests.fakes import deployed
from tests.fakes.api import Users, unique

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]
LIST = f"flows?ns={NAMESPACE}"


@pytest.fixture
def listed(visit: Visit, runs: Runs) -> Visit:
    """The list."""
    visit.sign_in(USER, LIST)
    expect(visit.page.get_by_text("4 flows", exact=True)).to_be_visible()
    return visit


@pytest.fixture
def opened(visit: Visit, runs: Runs) -> Visit:
    """The page of one flow."""
    visit.sign_in(USER, f"flows/{NAMESPACE}/daily-etl")
    expect(visit.page.get_by_role("heading", name="daily-etl")).to_be_visible()
    return visit


def row(page: Page, name: str) -> Any:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))


def names(page: Page) -> list[str]:
    return page.locator("a.name").all_inner_texts()


def section(page: Page, name: str) -> Any:
    return page.locator("section.card").filter(has=page.get_by_role("heading", name=name, exact=True))


def test_each_flow_is_a_row_with_its_packages_and_its_last_run(listed: Visit) -> None:
    page = listed.page
    for text in ("READY", "etl 2", "0 3 * * *", SLUG, "RUNNING", "min ago"):
        expect(row(page, "daily-etl")).to_contain_text(text)
    for text in ("REFUSED", "There is no package with the slug ZZZZZZZZ"):
        expect(row(page, "reports")).to_contain_text(text)
    expect(row(page, "cleanup")).to_contain_text("stopped")
    for text in ("DEPLOYING", "never run", "Waits for package"):
        expect(row(page, "brand-new")).to_contain_text(text)
    listed.shoot("flows")
    row(page, "daily-etl").get_by_role("button", name=f"Copy slug {SLUG}").click()
    assert page.evaluate("() => navigator.clipboard.readText()") == SLUG


def test_words_and_states_choose_flows_and_columns_sort_them(listed: Visit) -> None:
    page = listed.page
    page.keyboard.press("/")
    page.keyboard.type(SLUG.lower())
    expect(page.get_by_text("3 of 4")).to_be_visible()
    page.get_by_role("button", name="READY 1").click()
    assert names(page) == ["daily-etl"]
    page.get_by_role("searchbox").fill("nothing like it")
    expect(page.get_by_text("No flow here has “nothing like it” and READY.")).to_be_visible()
    listed.shoot("flows-nothing-matches")
    page.get_by_role("button", name="Clear the filter").click()
    page.get_by_role("button", name="Name").click()
    assert names(page) == ["brand-new", "cleanup", "daily-etl", "reports"]
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="brand-new")).to_be_focused()
    expect(page).to_have_url(re.compile("sort=name"))


def test_keys_lead_there_and_back(listed: Visit) -> None:
    page = listed.page
    page.keyboard.press("g")
    page.keyboard.press("p")
    expect(page.get_by_role("heading", name="Dep Packages")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("f")
    expect(page.get_by_role("heading", name="Flows", exact=True)).to_be_visible()
    link = page.get_by_role("navigation", name="Console").get_by_role("link", name="Flows")
    expect(link).to_have_attribute("aria-current", "page")


def test_one_stream_is_open_in_a_window(listed: Visit) -> None:
    """A browser opens six connections to a host: the list that is not shown lets go of its own."""
    page = listed.page
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    with page.expect_event("requestfailed", lambda request: "deployments%3Awatch" in request.url):
        page.keyboard.press("g")
        page.keyboard.press("p")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    with page.expect_event("requestfailed", lambda request: "dep-packages%3Awatch" in request.url):
        page.go_back()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()


def test_what_happens_shows_at_once(listed: Visit, users: Users) -> None:
    page, name = listed.page, unique("live")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    deployed.deploy(users, name, NAMESPACE)
    expect(row(page, name)).to_contain_text("READY")
    last = {"jobName": f"{name}-1", "revision": 1, "phase": "Failed", "startedAt": given_flows.at(0)}
    deployed.tell(users, name, NAMESPACE, {"lastRun": last})
    expect(row(page, name)).to_contain_text("FAILED")
    users.kubectl("delete", "flowdeployment", name, f"--namespace={NAMESPACE}")
    expect(row(page, name)).to_have_count(0)


def test_a_namespace_without_flows_says_what_they_are(visit: Visit, users: Users) -> None:
    namespace = unique("empty")
    users.kubectl("create", "namespace", namespace)
    users.create(namespace, edits=namespace)
    page = visit.sign_in(namespace, f"flows?ns={namespace}")
    expect(page.get_by_role("heading", name=f"No flows in {namespace} yet")).to_be_visible()
    expect(page.get_by_text("--deployment my-pipeline --dep-packages SLUG")).to_be_visible()
    visit.shoot("flows-empty")


def test_what_nobody_may_see_has_a_face_of_its_own(visit: Visit, runs: Runs) -> None:
    visit.expected = [r"status of 40[34]"]
    page = visit.sign_in(USER, "flows?ns=team-b")
    expect(page.get_by_text("There is no namespace team-b whose deployments you may see.")).to_be_visible()
    visit.shoot("flows-refused")
    page.get_by_role("button", name="All namespaces").click()
    expect(page.get_by_role("heading", name="Choose a namespace")).to_be_visible()
    page.get_by_role("button", name=NAMESPACE).click()
    expect(page.get_by_text("4 flows", exact=True)).to_be_visible()
    visit.open(f"flows/{NAMESPACE}/no-such")
    expect(page.get_by_role("heading", name="There is no such flow")).to_be_visible()
    visit.shoot("flow-missing")


def test_a_list_that_is_not_up_to_date_stays_and_says_so(visit: Visit, runs: Runs) -> None:
    visit.expected = [r"ERR_CONNECTION_REFUSED"]
    visit.page.route("**/deployments%3Awatch*", lambda route: route.abort("connectionrefused"))
    page = visit.sign_in(USER, LIST)
    expect(page.get_by_text("Not up to date.")).to_be_visible()
    expect(row(page, "daily-etl")).to_contain_text("READY")
    visit.shoot("flows-offline")
    page.get_by_role("button", name="Try now").click()
    expect(page.get_by_text("Not up to date.")).to_be_visible()
    page.unroute("**/deployments%3Awatch*")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()


def test_the_page_of_a_flow_tells_what_runs_with_what(opened: Visit, runs: Runs) -> None:
    page = opened.page
    packages = section(page, "Packages")
    expect(packages.get_by_role("row").nth(1)).to_contain_text("current")
    expect(packages.get_by_role("row").nth(2)).to_contain_text("earlier build")
    shown = section(page, "Runs").get_by_role("row")
    for run, words in ((runs.now, "RUNNING"), (runs.badly, "FAILED"), (runs.well, "SUCCEEDED")):
        expect(shown.filter(has_text=run)).to_contain_text(words)
    expect(shown.filter(has_text=runs.well)).to_contain_text("2 min 0 s")
    expect(section(page, "Revisions").get_by_role("row").nth(1)).to_contain_text("present")
    opened.shoot("flow")
    packages.get_by_role("link", name=f"{NAMESPACE}/etl-deps").click()
    expect(page.get_by_role("heading", name="etl-deps")).to_be_visible()


def test_a_flow_that_is_refused_says_why_in_the_words_of_the_api(visit: Visit, runs: Runs) -> None:
    page = visit.sign_in(USER, f"flows/{NAMESPACE}/reports")
    expect(page.get_by_role("alert")).to_contain_text("There is no package with the slug ZZZZZZZZ in flow-team.")
    expect(page.get_by_role("alert")).to_contain_text("Runs are still made from revision 1. UnknownSlug")
    expect(page.get_by_text("Asked for, and not deployed yet")).to_be_visible()
    visit.shoot("flow-refused")


def test_a_run_is_started_once_and_after_a_question(opened: Visit, users: Users) -> None:
    page = opened.page
    expect(section(page, "Runs").get_by_text("3 kept")).to_be_visible()
    page.get_by_role("button", name="Run now").click()
    dialog = page.get_by_role("dialog", name="Run daily-etl now?")
    expect(dialog).to_contain_text("from revision 2")
    expect(dialog).to_contain_text("A run is under way already")
    opened.shoot("flow-run")
    dialog.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("daily-etl: a run of revision 2 has started.")).to_be_visible()
    expect(section(page, "Runs").get_by_text("4 kept")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?run=daily-etl-"))
    users.kubectl("delete", "job", page.url.partition("run=")[2], f"--namespace={NAMESPACE}", "--cascade=background")


def test_a_roll_back_says_what_it_changes(opened: Visit, users: Users) -> None:
    page, name = opened.page, unique("back")
    pins = [deployed.pin(SLUG, sha * 64, "etl-deps", NAMESPACE) for sha in "ab"]
    deployed.deploy(users, name, NAMESPACE, revisions=[[one] for one in pins])
    opened.open(f"flows/{NAMESPACE}/{name}")
    section(page, "Revisions").get_by_role("button", name="Roll back").click()
    dialog = page.get_by_role("dialog", name="Roll back to revision 1?")
    expect(dialog).to_contain_text("bbbbbbbbbbbb → aaaaaaaaaaaa")
    opened.shoot("flow-roll-back")
    dialog.get_by_role("button", name="Roll back to 1").click()
    expect(page.get_by_text("revision 1 is being deployed again")).to_be_visible()
    expect(page.locator("h1 + .badge")).to_have_text("DEPLOYING")
    spec = json.loads(users.kubectl("get", "fd", name, "-n", NAMESPACE, "-o", "json"))["spec"]
    assert spec["flowVersion"] == "1"
    users.kubectl("delete", "fd", name, "-n", NAMESPACE)


def test_who_may_only_look_is_told_so(visit: Visit, users: Users, runs: Runs) -> None:
    name = unique("looks")
    users.create(name, views=NAMESPACE)
    visit.expected = [r"status of 403"]
    page = visit.sign_in(name, f"flows/{NAMESPACE}/daily-etl")
    expect(page.get_by_text("You may look at the flows of flow-team, not change them.")).to_be_visible()
    expect(section(page, "Runs")).to_contain_text("You may not see the runs of deployment flow-team/daily-etl.")
    expect(page.get_by_role("button", name="Roll back")).to_be_disabled()
    visit.shoot("flow-read-only")
    page.get_by_role("button", name="Run now").click()
    page.get_by_role("dialog").get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("the right to get and list controllerrevisions")


def test_a_flow_that_is_deleted_stays_on_the_page(visit: Visit, users: Users, runs: Runs) -> None:
    name = unique("gone")
    deployed.deploy(users, name, NAMESPACE)
    visit.expected = [r"status of 404"]
    page = visit.sign_in(USER, f"flows/{NAMESPACE}/{name}")
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    users.kubectl("delete", "fd", name, "-n", NAMESPACE)
    page.reload()
    expect(page.get_by_role("heading", name="There is no such flow")).to_be_visible()


def test_the_page_of_a_package_tells_which_flows_use_it(visit: Visit, runs: Runs) -> None:
    page = visit.sign_in(USER, f"packages/{NAMESPACE}/etl-deps")
    used = section(page, "Used by")
    expect(used.get_by_text("3 flows")).to_be_visible()
    lines = used.get_by_role("listitem")
    expect(lines.filter(has_text="daily-etl")).to_contain_text("revision 2current")
    expect(lines.filter(has_text="reports")).to_contain_text("earlier build")
    expect(lines.filter(has_text="brand-new")).to_contain_text("not deployed with it yet")
    expect(used).to_contain_text("As long as they run with it, the package is not deleted.")
    used.scroll_into_view_if_needed()
    visit.shoot("package-used-by")
    lines.filter(has_text="daily-etl").get_by_role("link").click()
    expect(page.get_by_role("heading", name="daily-etl")).to_be_visible()


def test_on_a_phone_a_flow_is_a_card(visit: Visit, runs: Runs) -> None:
    visit.page.set_viewport_size(NARROW)
    visit.sign_in(USER, LIST)
    expect(row(visit.page, "daily-etl")).to_contain_text(SLUG)
    assert visit.page.evaluate("() => document.documentElement.scrollWidth") <= NARROW["width"]


def test_the_log_of_a_run_comes_in_the_viewer_of_builds(opened: Visit, runs: Runs) -> None:
    page = opened.page
    answers = iter(["first line\n", "first line\n\x1b[32mgreen\x1b[0m line\nlast line\n"])
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        text = next(answers, None)
        route.fulfill(content_type="text/plain", body=text) if text else route.abort("connectionreset")

    page.route("**/runs/*/logs*", answer)
    section(page, "Runs").get_by_role("link", name=runs.badly).click()
    log = page.get_by_role("log", name=f"Log of run {runs.badly}")
    expect(log).to_contain_text("first line")
    expect(page).to_have_url(re.compile(rf"\?run={runs.badly}$"))
    section(page, "Runs").get_by_role("link", name=runs.now).click()
    expect(page.get_by_role("log", name=f"Log of run {runs.now}")).to_contain_text("last line")
    expect(page.locator(".sgr-colour-2")).to_have_text("green")
    opened.shoot("flow-log")
    assert ["follow=true" in url for url in asked[:2]] == [False, True]
    page.get_by_role("button", name="Close the log").click()
    expect(page.get_by_role("log")).to_have_count(0)


def test_a_run_without_a_log_says_why(opened: Visit, runs: Runs) -> None:
    page = opened.page
    opened.expected = [r"status of 404"]
    section(page, "Runs").get_by_role("link", name=runs.well).click()
    expect(page.get_by_role("heading", name="No log of this run")).to_be_visible()
    expect(page.get_by_text(f"There is no log of run {runs.well}")).to_be_visible()
    opened.open(f"flows/{NAMESPACE}/daily-etl?run=daily-etl-0000000000")
    expect(page.get_by_text("Run daily-etl-0000000000 is not kept any more")).to_be_visible()
