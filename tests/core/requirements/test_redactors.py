"""The library and the builder each mask what they show: one hides all of a doubtful text, the other keeps uv's sentences readable.

What both promise is the same, so it is checked for both.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dagy.core.requirements import redact as redact_input
from dagy_builder.redact import redact as redact_output

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


@pytest.mark.parametrize("redact", [redact_input, redact_output], ids=["library", "builder"])
@pytest.mark.parametrize("text", NASTY)
def test_no_secret_is_shown(text: str, redact: Callable[[str], str]) -> None:
    shown = redact(text)
    assert "hunter2" not in shown
    assert "**" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert redact(shown) == shown


@pytest.mark.parametrize("redact", [redact_input, redact_output], ids=["library", "builder"])
@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_stays(text: str, redact: Callable[[str], str]) -> None:
    assert redact(text) == text
