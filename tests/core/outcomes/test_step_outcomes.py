"""Termination messages and logs that strangers' code wrote: nothing breaks, and nothing in them can deceive."""

from __future__ import annotations

import json
import time
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.outcomes.diagnosis import failure_of
from dagy.core.outcomes.logs import LineFilter, without_result
from dagy.core.outcomes.results import rejection_in, warnings_in
from dagy.core.outcomes.step_outcomes import Complete, parse_outcome
from dagy_builder.redact import log_line, one_line, redact

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ["step", "ok", "seconds", "reason", "message", "fault", "problems", "result"]
OUTCOMES = st.fixed_dictionaries(
    {"step": st.sampled_from(["install", "resolve"]) | JSON, "ok": st.booleans() | JSON},
    optional=dict.fromkeys(FIELDS[2:], JSON),
)


def told(**fields: Any) -> str:
    return json.dumps({"step": "resolve", "ok": False, **fields})


@given(OUTCOMES | JSON)
def test_whatever_is_told_becomes_a_failure_that_can_be_shown(given_: Any) -> None:
    outcome = parse_outcome(json.dumps(given_))
    if outcome is None:
        return
    failure = failure_of(outcome)
    assert failure.reason[:1].isalpha()
    assert failure.reason.isalnum()
    for text in (failure.message, *(p.message for p in failure.problems)):
        assert 0 < len(text) <= 2000
        assert not {unicodedata.category(c) for c in text} & {"Cc", "Cs", "Zl", "Zp"}
    rejection_in(Complete(outcome))
    warnings_in(outcome)


@pytest.mark.parametrize("text", ["", "null", "[]", "1", '"x"', "{", "[" * 100_000, '{"step": "sweep", "ok": true}'])
def test_what_is_no_outcome(text: str) -> None:
    assert parse_outcome(text) is None


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("\x1b[2J\x1b[31mAll is well\x1b[0m", "All is well"),
        ("\x1b]8;;http://evil.example\x07click\x1b]8;;\x07", "click"),
        ("user \u202eelif.exe\u202c", "user elif.exe"),
        ("pass\u200bword\u00ad \U000e0041", "password"),
        ("two\nlines\r\nand\ta tab\x00", "two lines and a tab"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),  # text is text: who shows it as HTML escapes it
        ("see https://me:hunter2@h.example/?token=abc", "see https://****@h.example/?token=****"),
        ("x" * 5000, "x" * 1999 + "…"),
    ],
)
def test_what_is_shown_of_a_message(message: str, shown: str) -> None:
    outcome = parse_outcome(told(message=message, problems=[{"message": message, "hint": 1}, {"hint": "alone"}, 7]))
    assert outcome
    assert outcome.message == shown
    assert outcome.problems == [{"message": shown}]


FIX = {"requirement": "a==1", "replacement": "a>=1.1,<1.2", "version": "1.1.4", "tried": True}


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ([FIX], [FIX]),
        ([FIX, {"requirement": "a"}, {"replacement": "b"}, 7, None], [FIX]),
        (
            [{**FIX, "tried": "yes", "version": 1, "more": "x"}],
            [{**{k: FIX[k] for k in ("requirement", "replacement")}, "tried": False}],
        ),
        ([{**FIX, "replacement": "a\x1b[2J"}], [{**FIX, "replacement": "a"}]),
        ([FIX] * 1000, [FIX] * 10),
        ("x", None),
        ([], None),
    ],
)
def test_what_is_kept_of_fixes(given_: object, kept: list[dict[str, object]] | None) -> None:
    outcome = parse_outcome(told(problems=[{"message": "m", "fixes": given_}]))
    assert outcome
    assert outcome.problems == [{"message": "m", "fixes": kept} if kept else {"message": "m"}]
    (problem,) = failure_of(outcome).problems
    assert (problem.fixes or []) == (kept or [])


@pytest.mark.parametrize("reason", ["Out Of Memory", "reason", "", "A" * 65, 7, "Ünder", "A\n"])
def test_a_reason_that_no_condition_can_carry(reason: object) -> None:
    outcome = parse_outcome(told(reason=reason))
    assert outcome
    assert outcome.reason == "InternalError"


@pytest.mark.parametrize(
    "text",
    [
        "://" * 300_000,
        "?token" * 200_000,
        "?" + "token" * 200_000,
        "a:" * 500_000,
        "\x1b]" * 500_000,
        "@" * 1_000_000,
        "x.y%+-" * 150_000 + ":",
    ],
    ids=["schemes", "parameters", "a long name", "colons", "unfinished escapes", "ats", "a long user"],
)
def test_the_time_it_takes_is_in_proportion_to_the_text(text: str) -> None:
    start = time.process_time()
    redact(text)
    assert time.process_time() - start < 5, "a tenth of a second is usual, and a square would take hours"


def test_a_log_line_has_an_end() -> None:
    assert len(log_line("x" * 50_000_000)) <= 10_001
    assert log_line("ordinary line") == "ordinary line"
    assert one_line("a\n b", 10) == "a b"


def test_a_log_is_shown_without_what_deceives() -> None:
    log = "first\n\x1b[1Asecond\u202e\ndagy-result: {}\nhttps://u:p@h/\n"
    assert without_result(log) == "first\nsecond\nhttps://****@h/"


@given(st.lists(st.binary(max_size=40)), st.binary(max_size=5))
def test_a_stream_is_shown_as_the_whole_is(chunks: list[bytes], more: bytes) -> None:
    filter_, shown = LineFilter(), b""
    for chunk in [*chunks, more]:
        filter_, part = filter_.feed(chunk)
        shown += part
    shown += filter_.end()
    lines = b"".join([*chunks, more]).split(b"\n")
    kept = [line for line in lines[:-1] if not line.startswith(b"dagy-result: ")]
    assert shown.decode() == "".join(log_line(line.decode(errors="replace")) + "\n" for line in kept) + log_line(
        lines[-1].decode(errors="replace")
    )


def test_a_line_without_end_takes_no_memory() -> None:
    filter_ = LineFilter()
    for _ in range(100):
        filter_, shown = filter_.feed(b"x" * 1_000_000)
        assert shown == b""
        assert len(filter_.rest) < 100_000
    filter_, shown = filter_.feed(b"\nnext\n")
    assert shown.endswith("…\nnext\n".encode())
