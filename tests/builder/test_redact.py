"""No secret is shown, and texts of bounded length end with a word.

Requirements are masked otherwise than all else: a doubtful text is hidden, where uv's sentences stay readable. What both
promise is the same, so it is checked for both.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy_builder.redact import clipped, one_line, redact, redact_requirement

NASTY = [
    "https://user:hunter2@h.example/simple",
    "https://hunter2@h.example/simple/",
    "https://user:hun/ter@hunter2@h.example/simple",
    "https://user:p%40hunter2@h.example:8443/simple",
    "https://user:hunter2@[2001:db8::1]/simple",
    "HTTPS://USER:hunter2@H.EXAMPLE/",
    "mylib @ https://user:hunter2@h.example/mylib-1.0-py3-none-any.whl",
    "git+https://oauth2:hunter2@h.example/a.git",
    "ssh://git:hunter2@h.example/a.git",
    "user:hunter2@h.example/simple",
    "https://h.example/f.whl?token=hunter2",
    "https://h.example/f.whl?a=1&X-Amz-Signature=hunter2",
    "https://h.example/f.whl?api_key=hunter2&b=2",
    "https://user:\x1b[31mhunter2@h.example/",
    "https://user:hunter2\u202e@h.example/",
    "Failed to fetch: `https://user:hunter2@h.example/simple/idna/`",
    "--index-url https://a:hunter2@h.example/simple --extra-index-url https://b:hunter2@i.example/simple",
]
HARMLESS = ["pandas>=2,<3", "uvicorn[standard]==0.30", "https://pypi.org/simple/idna/", "Python >=3.7,<3.11", "a: b@c"]


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


@pytest.mark.parametrize("mask", [redact_requirement, redact], ids=["a requirement", "any text"])
@pytest.mark.parametrize("text", NASTY)
def test_no_secret_is_shown(text: str, mask: Callable[[str], str]) -> None:
    shown = mask(text)
    assert "hunter2" not in shown
    assert "**" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert mask(shown) == shown


@pytest.mark.parametrize("mask", [redact_requirement, redact], ids=["a requirement", "any text"])
@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str, mask: Callable[[str], str]) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("https://user:pass@h.example/simple", "https://****@h.example/simple"),
        ("to http://token@h.example:8080/ failed", "to http://****@h.example:8080/ failed"),
        ("https://h.example/f?X-Amz-Signature=abc&a=1", "https://h.example/f?X-Amz-Signature=****&a=1"),
        ("https://h.example/f?access_token=abc", "https://h.example/f?access_token=****"),
        ("\x1b[31mred\x1b[0m \x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "red link"),
        ("a\x00b\u202ec\r\nd\te", "abc\nd    e"),
        ("pip@1.0 a@b", "pip@1.0 a@b"),
    ],
)
def test_redact(text: str, clean: str) -> None:
    assert redact(text) == clean


@given(st.text())
def test_redaction_is_stable(text: str) -> None:
    assert redact(redact(text)) == redact(text)
