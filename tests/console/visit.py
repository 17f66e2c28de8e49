"""A visit to the console in a browser: whatever the browser complains of fails the test, and what it shows is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, ViewportSize, expect

from tests.fakes.api import Api

SCREENSHOTS = Path(__file__).parents[2] / ".screenshots"
WIDE, NARROW = ViewportSize(width=1280, height=800), ViewportSize(width=390, height=844)
SCHEMES = ("light", "dark")
COLOURS = ("color-contrast", "link-in-text-block")
"""Rules of axe that depend on the scheme; the others find the same in each."""
expect.set_options(timeout=15_000)  # a busy machine is no fault of the console


@dataclass
class Visit:
    """One page, and what the browser said of it."""

    page: Page
    api: Api
    axe: str
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    """Patterns of complaints that belong to the test, such as the 401 of a token that is refused."""

    def open(self, path: str = "") -> Page:
        """Load a page of the console."""
        self.page.goto(f"{self.api.url}/console/{path}")
        return self.page

    def sign_in(self, user: str, path: str = "") -> Page:
        """Load a page with that user's token in the tab."""
        token = self.api.users.token(user)
        self.page.add_init_script(
            f"sessionStorage.getItem('dagy.token') ?? sessionStorage.setItem('dagy.token', '{token}')"
        )
        return self.open(path)

    def shoot(self, name: str, at: Locator | None = None) -> None:
        """Keep what the page looks like, in both schemes and on both widths, and let axe look for barriers.

        `at`: what the pictures are of, where that is further down on the page.
        """
        for size in (NARROW, WIDE):
            self.page.set_viewport_size(size)
            for rules, scheme in zip(((), COLOURS), SCHEMES, strict=True):
                self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
                if at:
                    at.evaluate("(element) => element.scrollIntoView()")
                self.page.screenshot(path=SCREENSHOTS / f"{name}-{size['width']}-{scheme}.png")
                self.check_barriers(f"{name} {size['width']} {scheme}", rules)
        self.page.emulate_media(color_scheme="light")

    def check_barriers(self, where: str, rules: Sequence[str] = ()) -> None:
        """Fail with each violation that axe finds, of any impact. `rules`: by these only."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(self.axe)
        found: list[dict[str, Any]] = self.page.evaluate(
            "(rules) => axe.run(document, rules.length ? { runOnly: rules } : {}).then((results) => results.violations)",
            list(rules),
        )
        lines = [
            f"{where}: {one['id']}: {one['help']}: {node['html'][:160]} {node['failureSummary'][:300]}"
            for one in found
            for node in one["nodes"]
        ]
        assert not lines, "\n".join(lines)

    def check_complaints(self) -> None:
        """Fail with what the browser complained of, unless the test expects it."""
        assert [c for c in self.complaints if not any(re.search(one, c) for one in self.expected)] == []

    def hear(self) -> None:
        """Begin to listen to the browser."""
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        self.page.on("requestfailed", self._failed)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} {message.location.get('url', '')}")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # what the page itself has ended, such as a stream
            self.complaints.append(f"failed: {request.method} {request.url} {request.failure}")


@contextmanager
def visiting(browser: Browser, api: Api, axe: str, **more: Any) -> Iterator[Visit]:
    """A new profile of the browser, with one page. `more`: options of Playwright's context."""
    usual = {"viewport": WIDE, "permissions": ["clipboard-read", "clipboard-write"], "locale": "en-GB"}
    with browser.new_context(**{**usual, **more}) as context:
        visit = Visit(context.new_page(), api, axe)
        visit.hear()
        try:
            yield visit
        finally:
            print(*visit.complaints, sep="\n")  # of a test that fails, too
        visit.check_complaints()
