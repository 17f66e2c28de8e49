"""All names of an index: read from its answer in pieces, kept in little memory."""

from __future__ import annotations

import itertools
import json
import resource
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from dagy.core.index import names as module
from dagy.core.index.names import MAX_CHARACTERS, IndexNames, NotAListError

ROOT = Path(__file__).parents[3]
JSON = "application/vnd.pypi.simple.v1+json"
SOME = st.lists(st.from_regex(r"\A[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?\Z"), min_size=1, max_size=30)


def as_json(names: list[str]) -> bytes:
    projects = [{"_last-serial": 7, "name": name} for name in names]
    return json.dumps({"meta": {"api-version": "1.1"}, "projects": projects}).encode()


def as_html(names: list[str]) -> bytes:
    return "".join(f'<a href="/simple/{canonicalize_name(n)}/">{n}</a>\n' for n in names).encode()


def pieces(text: bytes, size: int) -> Iterator[bytes]:
    return (text[at : at + size] for at in range(0, len(text), size))


def all_of(names: IndexNames) -> list[str]:
    return [names[place] for place in range(len(names))]


@given(SOME, st.integers(1, 70), st.booleans())
def test_every_name_is_there_once_however_it_comes(names: list[str], size: int, html: bool) -> None:
    text, kind = (as_html(names), "text/html") if html else (as_json(names), JSON)
    read = IndexNames.from_chunks(pieces(text, size), kind)
    assert all_of(read) == sorted({canonicalize_name(name) for name in names})
    assert all(read.has(canonicalize_name(name)) for name in names)
    assert not read.has("no-such-name-here")


@given(SOME, st.text("abc-", max_size=3))
def test_ranges_of_a_beginning_are_those_of_a_look_at_each(names: list[str], prefix: str) -> None:
    read = IndexNames.from_chunks([as_json(names)], JSON)
    low, high = read.beginning(prefix.encode())
    assert all_of(read)[low:high] == [name for name in all_of(read) if name.startswith(prefix)]
    assert list(read.shortest(low, high)) == sorted(all_of(read)[low:high], key=lambda name: (len(name), name))


@given(SOME, st.text("abc-", min_size=1, max_size=3))
def test_names_that_hold_a_text(names: list[str], part: str) -> None:
    read = IndexNames.from_chunks([as_json(names)], JSON)
    assert list(read.holding(part.encode(), 1000)) == [name for name in all_of(read) if part in name]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a b",
        "a\x1b[31m",
        "a\nb",
        "-a",
        "a-",
        "..",
        "a/../b",
        "ä",
        "a" * (MAX_CHARACTERS + 1),
        "<script>",
        "\u202ea",
    ],
)
def test_what_is_no_name_is_left_out(name: str) -> None:
    assert all_of(IndexNames.from_chunks([as_json([name, "good"])], JSON)) == ["good"]
    assert all_of(IndexNames.from_chunks([as_html(["good"]), f'<a href="x">{name}</a>'.encode()], "text/html")) == [
        "good"
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"<html>log in</html>",
        b'{"projects": 7}',
        b'{"projects":[{"name":5}]}',
        b"\x00" * 9999,
    ],
)
@pytest.mark.parametrize("kind", [JSON, "text/html", "", "image/png"])
def test_what_is_no_list(text: bytes, kind: str) -> None:
    with pytest.raises(NotAListError):
        IndexNames.from_chunks([text], kind)


@pytest.mark.parametrize("bound", ["_MAX_NAMES", "_MAX_BYTES"])
def test_more_than_can_be_kept_is_not_read(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, bound, 1000)
    endless = (f'{{"projects":[{{"name":"{number:050}"}}'.encode() for number in itertools.count())
    with pytest.raises(NotAListError, match="more than"):
        IndexNames.from_chunks(endless, JSON)


def test_the_listing_of_a_folder_is_a_list() -> None:
    """What nginx and `python -m http.server` make of an index of plain files."""
    text = b'<a href="../">../</a>\n<a href="idna/">idna/</a>   26-Nov-2026 10:00    -\n<li><a href="Flask/">Flask/</a></li>'
    assert all_of(IndexNames.from_chunks([text], "text/html; charset=utf-8")) == ["flask", "idna"]


def test_a_list_that_breaks_off_is_none() -> None:
    text = as_json(["one", "two", "three"])
    with pytest.raises(NotAListError, match="ends in the middle"):
        IndexNames.from_chunks([text[:-10]], JSON)


def test_an_endless_entry_takes_no_memory() -> None:
    chunks = [b'{"projects":[{"name":"good"},{"name":"', *[b"a" * 65536] * 100, b'"}]}']
    assert all_of(IndexNames.from_chunks(chunks, JSON)) == ["good"]


@pytest.mark.parametrize("junk", [b"<a ", b"<a href=", b'"name":"', b'"name" ', b"<a>" + b" " * 60])
def test_text_that_is_made_to_be_slow_is_not(junk: bytes) -> None:
    kind = "text/html" if junk.startswith(b"<") else JSON
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    with pytest.raises(NotAListError):
        IndexNames.from_chunks([(junk * (1 + 65536 // len(junk)))[:65536]] * 16, kind)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 20  # a megabyte; a bound, not a measure


MEASURED = """
    import time
    from pathlib import Path
    from dagy.core.index.names import IndexNames
    from tests.fakes.many_names import generated, json_chunks

    def memory(what):
        return next(int(one.split()[1]) * 1024 for one in Path("/proc/self/status").read_text().splitlines() if what in one)

    before = memory("VmRSS")
    started = time.perf_counter()
    names = IndexNames.from_chunks(json_chunks(generated(900_000)), "application/json")
    print(len(names), names.held_bytes, memory("VmHWM") - before, round(time.perf_counter() - started, 1))
"""


def test_900_000_names_take_little_memory() -> None:
    """Measured in a process of its own, whose peak nothing else has raised."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(MEASURED)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    count, held, peak, seconds = done.stdout.split()
    print(f"{count} names: {int(held) / 1e6:.1f} MB kept, {int(peak) / 1e6:.1f} MB at most, {seconds} s")
    assert int(count) == 900_001
    assert int(held) < 25_000_000
    assert int(peak) < 100_000_000
