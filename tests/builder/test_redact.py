"""Texts of bounded length end with a word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dagy_builder.redact import clipped, one_line


@given(st.text(max_size=60), st.integers(2, 40))
def test_a_bound_is_kept_and_words_are_whole(text: str, most: int) -> None:
    shown = clipped(text, most)
    assert len(shown) <= most
    assert shown == text or shown.endswith("…")
    if shown != text and " " in text[most // 2 + 1 : most - 1]:
        assert text[len(shown) - 1] == " "


def test_the_end_of_a_sentence() -> None:
    assert clipped("one two three", 13) == "one two three"
    assert clipped("one two three", 12) == "one two…"
    assert one_line("one  two\nthree", 12) == "one two…"
    assert clipped("x" * 30, 10) == "x" * 9 + "…"
