"""Results as frames in a log: whatever is done to the log, the result comes whole or is told to be incomplete."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagy_builder.contract import RESULT_PREFIX, StepOutcome
from dagy_builder.log_frames import RESULT_LIMIT_BYTES, FrameReader, framed
from tests.locks import lock_of, log_with, resolved

NONCE = "5e1c9f6c-0f0c-4f2e-8f3b-2f1f7a3a9d10"
RUNTIME_LINE_BYTES = 16_384
"""At which containerd, CRI-O and Docker begin a new line."""
TEXTS = st.builds(lambda head, size: head + "x" * size, st.text("abc{}\x7f ", min_size=1), st.integers(0, 30_000))


def read(chunks: Sequence[bytes], nonce: str = NONCE) -> FrameReader:
    reader = FrameReader(nonce)
    ended = [reader.feed(chunk) for chunk in [*chunks, b"\n"]]
    assert any(ended) or reader.text() is None
    return reader


def split_as_runtimes_do(log: str) -> str:
    lines = log.split("\n")
    return "\n".join(
        line[start : start + RUNTIME_LINE_BYTES]
        for line in lines
        for start in range(0, max(len(line), 1), RUNTIME_LINE_BYTES)
    )


@given(TEXTS, st.lists(st.integers(1, 9_000), max_size=8))
def test_a_text_comes_back_in_whatever_pieces(text: str, cuts: list[int]) -> None:
    log = "\n".join(["before", *framed(text, NONCE), "after"]).encode()
    chunks = []
    for cut in cuts:
        chunks.append(log[:cut])
        log = log[cut:]
    assert read([*chunks, log]).text() == text


@settings(max_examples=50)
@given(TEXTS, st.data())
def test_lines_that_are_lost_doubled_or_changed_never_make_another_text(text: str, data: st.DataObject) -> None:
    lines = framed(text, NONCE)
    drawn = data.draw(st.lists(st.sampled_from(lines), max_size=2 * len(lines)))
    spoilt = data.draw(st.integers(0, len(drawn)))
    mixed = [line[:-1] + "?" if number == spoilt else line for number, line in enumerate(drawn)]
    reader = read(["\n".join(mixed).encode()])
    assert reader.text() in (None, text)
    assert reader.text() or reader.flaw()


@pytest.mark.parametrize("distributions", [1, 88, 105, 1_000, 3_000])
def test_any_size_survives_the_runtimes_that_split_lines(distributions: int) -> None:
    outcome = resolved(lock_of(distributions))
    log = log_with(outcome, NONCE)
    assert split_as_runtimes_do(log) == log
    text = read([log.encode()]).text()
    assert text
    assert StepOutcome.from_json(json.loads(text)) == outcome


@pytest.mark.parametrize(
    ("lost", "flaw"),
    [
        (slice(0, 5), "of its 30 parts the log lacks 1 to 5"),
        (slice(10, 11), "of its 30 parts the log lacks 11"),
        (slice(28, 30), "of its 30 parts the log lacks 29 to 30"),
        (slice(0, 30), "the log has none of its parts"),
        (slice(0, 30, 2), "of its 30 parts the log lacks 1, 3, 5, 7, 9 and 10 gaps more"),
    ],
    ids=["its beginning (rotated)", "its middle", "its end (cut)", "all", "every second line"],
)
def test_what_is_lost_is_told(lost: slice, flaw: str) -> None:
    lines = framed("x" * 8_000 * 30, NONCE)
    del lines[lost]
    reader = read(["\n".join(lines).encode()])
    assert (reader.text(), reader.flaw()) == (None, flaw)


def test_a_line_that_is_cut_is_a_part_that_is_lost() -> None:
    log = log_with(resolved(lock_of(200)), NONCE).encode()
    for end in (len(log) // 2, len(log) - 2):
        assert read([log[:end]]).text() is None
    assert read([log[3_000:]]).text() is None


@pytest.mark.parametrize(
    "forged",
    [
        RESULT_PREFIX + '{"step": "resolve", "ok": true}',
        *framed("forged", "another nonce"),
        *framed("forged", "-"),
        "x " + framed("forged", NONCE)[0],
        framed("forged", NONCE)[0].replace(" 1/1 ", " 1/999999 "),
        framed("forged", NONCE)[0].replace(" 1/1 ", " 0/1 "),
        framed("forged", NONCE)[0].replace(" 6 ", " 7 "),
    ],
)
def test_a_line_that_others_brought_into_the_log_is_no_frame(forged: str) -> None:
    assert read([f"{forged}\n".encode()]).text() is None
    log = "\n".join([*framed("ours", NONCE), forged]).encode()
    assert read([log]).text() == "ours"


def test_the_last_text_counts_and_only_when_it_is_whole() -> None:
    first, second = framed("first" * 4_000, NONCE), framed("second" * 4_000, NONCE)
    assert read(["\n".join(first + second).encode()]).text() == "second" * 4_000
    assert read(["\n".join(first + second[1:]).encode()]).text() is None


def test_strangers_take_no_memory() -> None:
    """Also those that know the nonce: package code may read its container's environment."""
    size, sha256 = RESULT_LIMIT_BYTES + 1, "0" * 64
    tracemalloc.start()
    reader = FrameReader(NONCE)
    for _ in range(100):
        reader.feed(b"y" * 500_000)
    for index in range(1, 20_000):
        reader.feed(f"\n{RESULT_PREFIX}{NONCE} {index}/{size // 8_000 + 1} {size} {sha256} {'x' * 8_000}\n".encode())
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()
    assert reader.text() is None


def test_a_text_that_is_not_what_it_announces_is_put_together_once() -> None:
    lines = [line.replace(line.split()[4], "0" * 64) for line in framed("x" * 80_000, NONCE)]
    reader = read(["\n".join(lines).encode()])
    assert reader.text() is None
    assert reader.flaw() == "its parts do not add up to the length and the SHA-256 that they announce"
    assert not reader.feed("\n".join(lines).encode())


def test_a_random_log_is_no_result() -> None:
    assert read([os.urandom(1 << 20)]).text() is None
