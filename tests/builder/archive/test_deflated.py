"""Compressing, and what was compressed before."""

from __future__ import annotations

import hashlib
import random
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy_builder.archive import deflated
from dagy_builder.archive.deflated import Deflated, Deflater, compress
from dagy_builder.archive.zipwriter import DEFLATED, STORED
from dagy_builder.kept.entries import KeptEntries

NOISE = random.Random(1).randbytes(300_000)
CONTENTS = [b"", b"text " * 100_000, NOISE, b"x", b"other text " * 9]


def _inflated(found: Deflated) -> bytes:
    return zlib.decompress(found.data, wbits=-15) if found.method == DEFLATED else bytes(found.data)


def _deflate(deflater: Deflater, contents: Sequence[bytes] = CONTENTS) -> list[Deflated]:
    return deflater.deflate(contents, [hashlib.sha256(content).hexdigest() for content in contents])


def _same(found: Sequence[Deflated], expected: Sequence[Deflated]) -> bool:
    return [(one.method, bytes(one.data)) for one in found] == [(one.method, bytes(one.data)) for one in expected]


def _compressions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what is really compressed from now on."""
    sizes = list[int]()

    def counted(data: bytes, level: int) -> Deflated:
        sizes.append(len(data))
        return compress(data, level)

    monkeypatch.setattr(deflated, "compress", counted)
    return sizes


@given(st.binary(max_size=3000), st.sampled_from([1, 6]))
def test_others_read_what_is_compressed(data: bytes, level: int) -> None:
    found = compress(data, level)
    assert _inflated(found) == data
    assert found.method == STORED or len(found.data) < len(data)


@pytest.mark.parametrize("level", [1, 6])
def test_what_was_compressed_before_is_found_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: int
) -> None:
    sizes = _compressions(monkeypatch)
    fresh = _deflate(Deflater(level))
    assert [_inflated(one) for one in fresh] == CONTENTS
    sizes.clear()
    for expected in (CONTENTS, []):
        assert _same(_deflate(Deflater(level, KeptEntries(tmp_path))), fresh)
        assert sizes == list(map(len, expected))
        sizes.clear()


def test_what_can_not_be_compressed_takes_no_room(tmp_path: Path) -> None:
    assert _deflate(Deflater(1, KeptEntries(tmp_path)), [NOISE])[0].method == STORED
    assert [path.stat().st_size < 100 for path in tmp_path.rglob("*") if path.is_file()] == [True]


@pytest.mark.parametrize(
    ("level", "contents"),
    [(6, CONTENTS), (1, CONTENTS[1:]), (1, [*CONTENTS[1:], b""]), (1, [*CONTENTS[:-1], b"other text, " * 9])],
)
def test_other_contents_and_other_levels_are_other_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: int, contents: list[bytes]
) -> None:
    _deflate(Deflater(1, KeptEntries(tmp_path)))
    sizes = _compressions(monkeypatch)
    assert [_inflated(one) for one in _deflate(Deflater(level, KeptEntries(tmp_path)), contents)] == contents
    assert sizes == list(map(len, contents))


def test_little_is_not_worth_an_entry(tmp_path: Path) -> None:
    _deflate(Deflater(1, KeptEntries(tmp_path)), [b"text"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("entry", [b"", b"\0", bytes(9 * len(CONTENTS)) + b"more", bytes(9 * len(CONTENTS))[:-1]])
def test_an_entry_that_does_not_fit_is_made_anew(tmp_path: Path, entry: bytes) -> None:
    kept = KeptEntries(tmp_path)
    fresh = _deflate(Deflater(1, kept))
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    kept.keep(path.name, [entry])
    assert _same(_deflate(Deflater(1, kept)), fresh)
    assert _same(_deflate(Deflater(1, KeptEntries(tmp_path))), fresh)
