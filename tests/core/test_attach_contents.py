"""What a package contains, as its lock and its list of files tell; damaged ones are said to be damaged."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.attach_contents import ContentsError, files_of_list, versions_of_lock
from tests.core.attachable import ONE


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


@given(st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1), st.just(ONE)))
def test_a_list_of_files_is_read_back(files: dict[str, str]) -> None:
    lines = "".join(f"644 {sha256} {path}\n" for path, sha256 in sorted(files.items()))
    assert files_of_list(gzip.compress(lines.encode())) == files


@pytest.mark.parametrize(
    "data",
    [b"", b"not gzip", gzip.compress(b"one\n"), gzip.compress(b"644 a b\n")[:-9]],
    ids=["empty", "no gzip", "no fields", "cut off"],
)
def test_a_damaged_list_is_said_to_be_one(data: bytes) -> None:
    with pytest.raises(ContentsError):
        files_of_list(data)


@pytest.mark.parametrize("text", ["", "[[", "packages = 3", "[[packages]]\nversion = '1'", "[[packages]]\nname = 'a'"])
def test_a_damaged_lock_is_said_to_be_one(text: str) -> None:
    with pytest.raises(ContentsError):
        versions_of_lock(text)
