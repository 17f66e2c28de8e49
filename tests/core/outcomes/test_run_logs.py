"""A flow's own log: its colours stay, and nothing else that a terminal or a reader would obey."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.outcomes.logs import LineFilter
from dagy_builder.redact import coloured_log_line


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m and \x1b[1;38;5;9mmore\x1b[m", "\x1b[31mred\x1b[0m and \x1b[1;38;5;9mmore\x1b[m"),
        ("\x1b[2J\x1b]0;title\x07gone\x1b[31m!", "gone\x1b[31m!"),
        ("user \u202eelif.exe\u202c", "user elif.exe"),
        ("https://me:hunter2@h.example/", "https://****@h.example/"),
        ("https://me:hun\x1b[0mter2@h.example/", "https://****@h.example/"),
        ("\x1b[32mok\x1b[0m https://me:x@h.example/", "\x1b[32mok\x1b[0m https://****@h.example/"),
    ],
)
def test_what_is_shown_of_a_line(line: str, shown: str) -> None:
    assert coloured_log_line(line) == shown


@given(st.lists(st.sampled_from(["\x1b[31m", "\x1b", "[0m", "a", "://", "u:p@h.x/", "\u202e", "\x1b]8;;", "\x07", "ü"]) | st.text(max_size=5)).map("".join))  # fmt: skip
def test_only_colours_are_obeyed(line: str) -> None:
    rest = "".join(re.split(r"\x1b\[[0-9;:]*m", coloured_log_line(line)))
    assert not {unicodedata.category(c) for c in rest} & {"Cc", "Cs"}
    assert "\u202e" not in rest


@given(st.binary(max_size=200), st.integers(1, 50))
def test_pieces_make_no_difference(log: bytes, size: int) -> None:
    whole, told = LineFilter(of_run=True).feed(log)
    pieces, held = b"", LineFilter(of_run=True)
    for start in range(0, len(log), size):
        held, more = held.feed(log[start : start + size])
        pieces += more
    assert pieces + held.end() == told + whole.end()


def test_a_line_that_a_step_would_hide_is_the_flows_own() -> None:
    held, told = LineFilter(of_run=True).feed(b"dagy-result: mine\n")
    assert told + held.end() == b"dagy-result: mine\n"
    held, told = LineFilter().feed(b"dagy-result: {}\n")
    assert told + held.end() == b""
