"""A thousand flows, and a thousand runs of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.console.given_flows import NAMESPACE, USER, Runs
from tests.console.visit import Visit

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]
PHASES = ("Succeeded", "Succeeded", "Failed", "Running")


def run(number: int) -> dict[str, Any]:
    phase, started = PHASES[number % 4], f"2026-11-{1 + number % 25:02}T12:00:00Z"
    ended = None if phase == "Running" else started.replace("00Z", "42Z")
    return {"job_name": f"etl-{number:08}", "revision": 1, "phase": phase, "started_at": started, "finished_at": ended}


def flow(number: int) -> dict[str, Any]:
    pins = [
        {"slug": f"{slug:08}", "namespace": NAMESPACE, "name": f"deps-{slug}", "sha256": "a" * 64}
        for slug in range(number, number + number % 4)
    ]
    return {
        "id": f"00000000-0000-0000-0000-{number:012}", "namespace": NAMESPACE, "name": f"flow-{number}", "flow_name": "etl",
        "flow_version": str(number), "dep_package_slugs": [pin["slug"] for pin in pins], "schedule": None, "suspended": False,
        "revision": 1, "packages": pins, "message": "", "reason": "Deployed", "ready": number % 9 > 0, "settled": True,
        "last_run": run(number), "created_at": "2026-11-20T12:00:00Z", "updated_at": "2026-11-20T12:00:00Z",
        "deleting": False, "etag": f'"{number}"',
    }  # fmt: skip


def pages(count: int) -> Callable[[Route], None]:
    """Pages of a list of that many, as the API gives them."""

    def answer(route: Route) -> None:
        query = dict(part.split("=") for part in route.request.url.partition("?")[2].split("&") if part)
        first, limit = int(query.get("cursor", 0)), int(query["limit"])
        end = min(count, first + limit)
        items = [flow(number) for number in range(first, end)]
        route.fulfill(json={"items": items, "next_cursor": str(end) if end < count else None, "resource_version": "1"})

    return answer


def of_many(page: Page, count: int) -> None:
    page.route("**/deployments%3Asummaries*", pages(count))
    page.route(
        "**/deployments%3Awatch*",
        lambda route: route.fulfill(content_type="text/event-stream", body="event: synced\ndata: {}\nid: 1\n\n"),
    )


@pytest.mark.parametrize("count", [1_000, 10_000])
def test_many_flows_are_quick(visit: Visit, runs: Runs, count: int) -> None:
    page = visit.page
    of_many(page, count)
    visit.sign_in(USER, f"flows?ns={NAMESPACE}")
    expect(page.get_by_text(f"{count:,} flows", exact=True)).to_be_visible()
    assert page.locator("tbody tr").count() < 60
    seconds = page.evaluate(
        """async () => {
          const box = document.querySelector("input[type=search]");
          const measured = [];
          for (const words of ["9", "99", "flow-7", "deps-42"]) {
            const from = performance.now();
            box.value = words;
            box.dispatchEvent(new Event("input", { bubbles: true }));
            await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
            measured.push((performance.now() - from) / 1000);
          }
          return measured;
        }"""
    )
    print(f"key to filtered list of {count:,} flows: {max(seconds):.3f} s at most")
    page.get_by_role("searchbox").fill("")
    page.locator(".table-holder").evaluate("(element) => element.scrollTo(0, 1e9)")
    expect(page.locator(f"tr[aria-rowindex='{count + 1}']")).to_be_visible()


def test_many_runs_are_bounded_and_all_to_be_had(visit: Visit, runs: Runs) -> None:
    page = visit.page
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(json={"items": [run(number) for number in range(1_000)]})

    page.route("**/daily-etl/runs", answer)
    visit.sign_in(USER, f"flows/{NAMESPACE}/daily-etl")
    expect(page.get_by_text("1,000 kept")).to_be_visible()
    assert page.locator(".runs tbody tr").count() == 50
    seconds = page.get_by_role("button", name="Show all 1,000 runs").evaluate(
        """async (button) => {
          const from = performance.now();
          button.click();
          await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
          return (performance.now() - from) / 1000;
        }"""
    )
    expect(page.locator(".runs tbody tr")).to_have_count(1_000)
    print(f"1,000 runs: {seconds:.2f} s")
    visit.shoot("flow-1000-runs")
