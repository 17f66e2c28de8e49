"""What a package contains, as its lock and its list of files tell; damaged ones are said to be damaged."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.attach import contents as attach_contents
from dagy.core.attach.contents import ContentsError, FileComparison, versions_of_lock
from tests.fakes.attachable import ONE, TWO


def test_a_lock_tells_versions() -> None:
    text = """lock-version = "1.0"
[[packages]]
name = "idna"
version = "3.7"
wheels = [{url = "https://e/idna.whl", hashes = {sha256 = "aa"}}]
[[packages]]
name = "mine"
archive = {url = "https://e/mine.whl", hashes = {sha256 = "bb"}}
"""
    assert versions_of_lock(text) == {"idna": "3.7", "mine": "of the file with SHA-256 bb"}


def listed(files: dict[str, str]) -> bytes:
    lines = "".join(f"644 {sha256} {path}\n" for path, sha256 in files.items())
    return gzip.compress(lines.encode(), mtime=0)


def in_chunks(data: bytes, size: int = 10) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


PATHS = st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1)
FILES = st.dictionaries(PATHS, st.sampled_from([ONE, TWO]), max_size=20)


@given(st.lists(FILES, min_size=2, max_size=4))
def test_what_differs_between_lists_is_found(packages: list[dict[str, str]]) -> None:
    comparison = FileComparison()
    for files in packages:
        comparison.add(in_chunks(listed(files)))
    found = [comparison.differing(i) for i in range(len(packages))]
    assert not comparison.cut
    for first, second in combinations(range(len(packages)), 2):
        one, other = packages[first], packages[second]
        truth = {path for path in one.keys() & other.keys() if one[path] != other[path]}
        seen = {p for p in found[first].keys() & found[second].keys() if found[first][p] != found[second][p]}
        assert seen <= truth
        if truth:
            assert seen == truth, "between the first two that differ"
            break


@pytest.mark.parametrize(
    "data",
    [b"", b"not gzip", gzip.compress(b"one\n"), gzip.compress(b"644 a b\n")[:-9]],
    ids=["empty", "no gzip", "no fields", "cut off"],
)
def test_a_damaged_list_is_said_to_be_one(data: bytes) -> None:
    with pytest.raises(ContentsError, match="The list of files"):
        FileComparison().add([data])


def hostile_list() -> bytes:
    """As long as the builder lets a list become: 199,000 paths of 1,000 characters."""
    writer = zlib.compressobj(1, wbits=31)
    path = b"d/" * 490
    parts = [
        writer.compress(b"".join(b"644 %064d %s%08d\n" % (0, path, n) for n in range(at, at + 1000)))
        for at in range(0, 199_000, 1000)
    ]
    return b"".join(parts) + writer.flush()


HOSTILE = {
    "long paths": (hostile_list, "more than 67.1 MB unpacked"),
    "a bomb": (lambda: gzip.compress(bytes(70 << 20)), "a line that is longer than any path"),
    "many bytes": (lambda: bytes.fromhex("1f8b0800000000000003") + b"\0" * 100, "can't be read"),
}


@pytest.mark.parametrize(("made", "sentence"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_lists_are_refused_in_little_memory(made: Callable[[], bytes], sentence: str) -> None:
    data = made()
    tracemalloc.start()
    try:
        with pytest.raises(ContentsError, match=sentence):
            FileComparison().add(in_chunks(data, 64 << 10))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 << 20, "588 MB, when it was read whole"


def test_bytecode_says_what_its_source_says() -> None:
    """Two builds of one release, by two releases of the compiler, are no conflict."""
    comparison = FileComparison()
    for sha256 in (ONE, TWO):
        comparison.add(in_chunks(listed({"a/b.py": ONE, "a/__pycache__/b.cpython-312.pyc": sha256})))
    assert [comparison.differing(i) for i in range(2)] == [{}, {}]


def test_of_many_differences_some_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attach_contents, "_MAX_DIFFERING_BYTES", 5)
    comparison = FileComparison()
    for sha256 in (ONE, TWO):
        comparison.add([listed({f"p{n}": sha256 for n in range(9)})])
    assert comparison.cut
    assert list(comparison.differing(0)) == list(comparison.differing(1)) == ["p0", "p1"]


def test_more_files_than_are_compared_are_refused() -> None:
    with pytest.raises(ContentsError, match="more than 8 files"):
        FileComparison(8).add([listed({f"p{n}": ONE for n in range(9)})])


@pytest.mark.parametrize("text", ["", "[[", "packages = 3", "[[packages]]\nversion = '1'", "[[packages]]\nname = 'a'"])
def test_a_damaged_lock_is_said_to_be_one(text: str) -> None:
    with pytest.raises(ContentsError):
        versions_of_lock(text)
