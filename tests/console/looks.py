"""What a person sees of an element that its words don't tell: where it is, and its colour."""

from __future__ import annotations

import re

from playwright.sync_api import FloatRect, Locator


def box(found: Locator) -> FloatRect:
    """Its place and size, in pixels of CSS."""
    rect = found.bounding_box()
    assert rect, f"{found} is not to be seen"
    return rect


def tone(found: Locator) -> str:
    """Its background: "amber", "red", or "none" of both."""
    color = found.evaluate("(element) => getComputedStyle(element).backgroundColor")
    red, green, blue = (int(part) for part in re.findall(r"\d+", color)[:3])
    if red > blue + 8 and green > blue + 8:
        return "amber"
    return "red" if red > green + 4 and red > blue + 4 else "none"
