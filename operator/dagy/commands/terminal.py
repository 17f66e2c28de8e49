"""The one place that prints. Much of it was written by others, and a terminal obeys what it is sent.

It can be told to change its title, the clipboard, or what stood there before; so what would be obeyed is replaced.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from typing import Any

# Control characters but for line break and tab, and those that change the direction of what follows.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
_PLAIN = "\x1b[0m"


def printable(text: str) -> str:
    """The text without anything that a terminal would obey."""
    return _OBEYED.sub("\N{REPLACEMENT CHARACTER}", text)


def say(text: str, end: str = "\n") -> None:
    """Print a text. Whoever reads it through a pipe has it at once: the command may go on for hours."""
    print(printable(text), end=end, flush=True)


def note(text: str) -> None:
    """Say something beside the result."""
    print(printable(text), file=sys.stderr)


def lines(found: Iterable[str]) -> None:
    """Print lines of a log as they come; its colours do no harm, and end with the line."""
    for line in found:
        parts = _COLOUR.split(line)
        shown = "".join(part if _COLOUR.fullmatch(part) else printable(part) for part in parts)
        colours = [part for part in parts if _COLOUR.fullmatch(part)]
        print(shown + (_PLAIN if colours and colours[-1] != _PLAIN else ""), flush=True)


def json_text(value: Any) -> None:
    """Print a value as JSON. Only its strings can hold what a terminal obeys, and JSON can write that otherwise."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    print(_OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text))
