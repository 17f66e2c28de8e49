"""A ZIP of a thousand distributions."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from dagy_builder.storage.store import ObjectStore
from tests.console.forecast import Forecast, opened
from tests.console.visit import Visit
from tests.fakes.api import Users
from tests.fakes.artifacts import sbom

pytestmark = [pytest.mark.apiserver, pytest.mark.browser]

DIRECT, DISTRIBUTIONS, FILES = 200, 1_000, 100_000


def largest() -> dict[str, Any]:
    """What the API answers of the largest ZIP: contents, lock and bill of materials."""
    each = FILES // DISTRIBUTIONS
    names = [f"distribution-{number:04}" for number in range(DISTRIBUTIONS)]
    numbers = sorted(range(each), key=lambda n: (n % 10, n))
    packed = [
        {"path": f"{name}/sub_{n % 10}/module_with_a_long_name_{n:03}.py", "size": 3000 + n, "compressed": 900}
        for name in names
        for n in numbers
    ]
    sizes = [{"name": name, "version": "1.2.3", "bytes": 900_000 - n, "files": each} for n, name in enumerate(names)]
    locked = [
        {
            "name": name, "version": "1.2.3", "direct": n < DIRECT, "wheel": f"{name}-1.2.3-py3-none-any.whl",
            "size_bytes": 90_000, "sha256": f"{n:064}",
        }
        for n, name in enumerate(names)
    ]  # fmt: skip
    return {
        "contents": {"files": packed, "distributions": sizes},
        "lock": {"packages": locked},
        "sbom": sbom(**dict.fromkeys(names, "MIT")),
    }


def seconds_of(page: Page, act: str) -> float:
    """How long the page takes to have drawn what this brings about."""
    found: float = page.evaluate(
        f"""async () => {{
          const from = performance.now();
          {act}
          await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
          return (performance.now() - from) / 1000;
        }}"""
    )
    return round(found, 3)


def click(selector: str) -> str:
    return f"document.querySelector({json.dumps(selector)}).click();"


def type_into(label: str, text: str) -> str:
    return f"""
      const box = document.querySelector("input[aria-label='{label}']");
      box.value = "{text}";
      box.dispatchEvent(new Event("input", {{ bubbles: true }}));
    """


def test_the_largest_do_not_freeze_the_page(visit: Visit, ben: str, users: Users, objects: ObjectStore) -> None:
    page, told = visit.page, {}
    answers = {what: json.dumps(body) for what, body in largest().items()}

    def answer(route: Route) -> None:
        body = answers[route.request.url.rpartition("/")[2]]
        route.fulfill(content_type="application/json", body=body)

    page.route(re.compile(r"/artifacts/\w+/(contents|lock|sbom)$"), answer)
    opened(visit, ben, Forecast(users, objects))
    expect(page.get_by_role("button", name="Show 200 of 988 more")).to_be_visible()
    told["more distributions"] = seconds_of(page, click("[aria-labelledby=space-heading] .button"))
    expect(page.get_by_role("meter")).to_have_count(212)
    told["a folder"] = seconds_of(page, click(".folder"))
    expect(page.get_by_role("button", name=re.compile("^sub_"))).to_have_count(10)
    told["find a file"] = seconds_of(page, type_into("Find a file", "0999 name_09"))
    expect(page.get_by_text("10 files")).to_be_visible()
    told["packages"] = seconds_of(page, click(".parts button:nth-child(2)"))
    expect(page.get_by_role("row")).to_have_count(DISTRIBUTIONS + 1)
    told["filter"] = seconds_of(page, type_into("Filter packages", "99"))
    expect(page.get_by_text("19 of 1,000")).to_be_visible()
    told["bill of materials"] = seconds_of(page, click(".parts button:nth-child(4)"))
    expect(page.get_by_text("1,000 components")).to_be_visible()
    print(f"{DISTRIBUTIONS} distributions, {FILES} files, seconds:", told)
