"""Ways to use the console: by keyboard alone, on a phone, and as somebody who hears it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Protocol

from playwright.sync_api import Locator, Page, expect

from tests.console.visit import NARROW

HEARD = Path(__file__).parent / "heard"
"""What a screen reader is given in each state; written anew with DAGY_WRITE_HEARD=1, to be read and committed."""
_TABS = 200
_LEAST = 23.9
"""Pixels that a target has in both directions (WCAG 2.2, 2.5.8: 24), as browsers round them."""

_COUNT_POINTERS = """
  window.pointed = [];
  // Without moves: Chromium makes some itself when what lies below the pointer's last place changes.
  for (const kind of ["pointerdown", "mousedown", "touchstart", "wheel"])
    addEventListener(kind, (event) => window.pointed.push(event.type), true);
"""
_TOO_WIDE = """(width) => {
  if (document.documentElement.scrollWidth <= width) return [];
  const beyond = [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > width);
  return beyond.map((one) => `${one.outerHTML.slice(0, 100)} ends at ${one.getBoundingClientRect().right}`);
}"""
_SMALL_TARGETS = """(least) => {
  const within = document.querySelector("dialog[open]") ?? document;
  const small = [];
  for (const one of within.querySelectorAll("a[href], button, input, select, textarea, summary, [role=option]")) {
    if (!one.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || one.disabled) continue;
    if (one.closest("[aria-hidden=true]")) continue; // the same can be had elsewhere
    const words = [...one.parentElement.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if (words && getComputedStyle(one).display === "inline") continue; // a link in a sentence, as the criterion allows
    const target = one.matches("[type=checkbox], [type=radio]") ? (one.closest("label") ?? one) : one;
    const { width, height, right } = target.getBoundingClientRect();
    if (right <= 0 || getComputedStyle(target).clipPath !== "none") continue; // not to be seen before it has the focus
    if (width < least || height < least) small.push(`${one.outerHTML.slice(0, 120)} is ${width} by ${height}`);
  }
  return small;
}"""


class Hands(Protocol):
    """What a walk through the console needs."""

    def press(self, target: Locator) -> None:
        """Use a button or a link."""

    def write(self, field: Locator, text: str) -> None:
        """Replace what is in it."""

    def choose(self, dropdown: Locator, option: str) -> None:
        """Take an option."""

    def take(self, found: Locator) -> None:
        """Take the first of what a search has found; the focus is in its box."""

    def look(self, state: str, part: Locator) -> None:
        """Judge what is there now."""


class Keyboard:
    """Tab, Enter, arrows and letters."""

    def __init__(self, page: Page) -> None:
        self._page = page
        page.add_init_script(_COUNT_POINTERS)

    def press(self, target: Locator) -> None:
        self._reach(target)
        self._page.keyboard.press("Enter")

    def write(self, field: Locator, text: str) -> None:
        self._reach(field)
        self._page.keyboard.press("Control+a")
        self._page.keyboard.type(text)

    def choose(self, dropdown: Locator, option: str) -> None:
        self._reach(dropdown)
        self._page.keyboard.type(option)
        expect(dropdown).to_have_value(option)

    def take(self, found: Locator) -> None:
        expect(found).to_have_attribute("aria-selected", "true")
        self._page.keyboard.press("Enter")

    def look(self, state: str, part: Locator) -> None:
        expect(part).to_be_visible()
        pointed = self._page.evaluate("() => window.pointed")
        assert not pointed, f"{state}: {pointed}"

    def _reach(self, target: Locator) -> None:
        expect(target).to_be_enabled()
        for _ in range(_TABS):
            if target.evaluate("(element) => element === document.activeElement"):
                return
            self._page.keyboard.press("Tab")
        raise AssertionError(f"no Tab leads to {target}")


class Touch:
    """Fingers on a phone."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def press(self, target: Locator) -> None:
        target.tap()

    def write(self, field: Locator, text: str) -> None:
        field.tap()
        field.fill(text)

    def choose(self, dropdown: Locator, option: str) -> None:
        dropdown.select_option(option)

    def take(self, found: Locator) -> None:
        found.tap()

    def look(self, state: str, part: Locator) -> None:
        part.scroll_into_view_if_needed()
        wide = self._page.evaluate(_TOO_WIDE, NARROW["width"])
        assert not wide, f"{state}: the page is to be scrolled sideways\n" + "\n".join(wide)
        small = self._page.evaluate(_SMALL_TARGETS, _LEAST)
        assert not small, f"{state}:\n" + "\n".join(small)


class Listener(Touch):
    """Somebody who hears each state as a screen reader has it. They click, because the walk by keyboard is another."""

    def press(self, target: Locator) -> None:
        target.click()

    def write(self, field: Locator, text: str) -> None:
        field.fill(text)

    def take(self, found: Locator) -> None:
        found.click()

    def look(self, state: str, part: Locator) -> None:
        expect(part).to_be_visible()
        file = HEARD / f"{state}.yaml"
        heard = _steady(part.aria_snapshot())
        if os.environ.get("DAGY_WRITE_HEARD"):
            file.write_text(heard)
        assert heard == file.read_text(), f"{state}: see {file}"


def _steady(text: str) -> str:
    """Without what is another each time: addresses, names that tests make, times."""
    for pattern, steady in (
        (r"https?://127\.0\.0\.1:\d+", "https://HOST"),
        (r"walked-[0-9a-f]{8}", "walked"),
        (r"\b\d\d:\d\d\b", "00:00"),
        (r"\n +- text: (used here|popular)\b.*", ""),
        (r" (used here|popular)\b", ""),
        (r"just now|\d+ (seconds?|minutes?) ago", "just now"),
    ):
        text = re.sub(pattern, steady, text)
    return f"{text}\n"
