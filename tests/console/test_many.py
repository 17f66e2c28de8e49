"""A list of ten thousand packages."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.console.visit import Visit

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]


def summaries(count: int) -> Callable[[Route], None]:
    """Pages of a list of that many, as the API gives them."""
    phases = ("COMPLETED", "COMPLETED", "COMPLETED", "FAILED", "INVALID", "INSTALLING", "VALID")

    def one(number: int) -> dict[str, Any]:
        phase = phases[number % len(phases)]
        return {
            "id": f"00000000-0000-0000-0000-{number:012}", "namespace": f"team-{number % 40}", "name": f"package-{number}",
            "display_name": f"Package {number}", "slug": f"{number:08}", "python_version": f"3.{10 + number % 4}",
            "dependency_count": number % 200, "build_status": phase, "message": f"37 packages in a ZIP of {number} MB.",
            "reason": "Built", "settled": phase != "INSTALLING", "suspended": False, "queue_position": None,
            "package_size": number * 10_000, "outdated": number % 11 == 0, "created_at": "2026-11-20T12:00:00Z",
            "updated_at": f"2026-11-{1 + number % 25:02}T12:00:00Z", "deleting": False, "managed_by": None, "etag": f'"{number}"',
        }  # fmt: skip

    def answer(route: Route) -> None:
        query = dict(part.split("=") for part in route.request.url.partition("?")[2].split("&") if part)
        first, limit = int(query.get("cursor", 0)), int(query.get("limit", 500))
        end = min(count, first + limit)
        following = str(end) if end < count else None
        route.fulfill(
            json={"items": [one(n) for n in range(first, end)], "next_cursor": following, "resource_version": "1"}
        )

    return answer


def test_ten_thousand_packages_are_quick(visit: Visit, ana: str) -> None:
    page = visit.page
    page.route("**/dep-packages%3Asummaries*", summaries(10_000))
    page.route(
        "**/dep-packages%3Awatch*",
        lambda route: route.fulfill(content_type="text/event-stream", body="event: synced\ndata: {}\nid: 1\n\n"),
    )
    visit.sign_in(ana)
    expect(page.get_by_text("10,000 packages", exact=True)).to_be_visible()
    assert page.locator("tbody tr").count() < 60
    visit.shoot("list-10000")
    seconds = page.evaluate(
        """async () => {
          const box = document.querySelector("input[type=search]");
          const measured = [];
          for (const words of ["9", "99", "999", "team-7/", "zip of 42 mb"]) {
            const from = performance.now();
            box.value = words;
            box.dispatchEvent(new Event("input", { bubbles: true }));
            await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
            measured.push((performance.now() - from) / 1000);
          }
          return measured;
        }"""
    )
    print(f"key to filtered list of 10,000: {max(seconds):.3f} s at most")
    expect(page.get_by_text(re.compile(r"^\d+ of 10,000$"))).to_be_visible()
    page.get_by_role("searchbox").fill("")
    page.locator(".table-holder").evaluate("(element) => element.scrollTo(0, 1e9)")
    expect(page.get_by_role("row").last).to_be_visible()
    expect(page.locator("tr[aria-rowindex='10001']")).to_have_count(1)
