"""build.json, as the operator reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dagy.core.package.records import artifact_in, read_record
from dagy.core.package.reuse import Source
from tests.fakes.homes import STEM, home

HOME = home()
ZIP = f"s3://b/{HOME.folder.text}{STEM}-{'b' * 16}"
FIELDS: dict[str, Any] = {
    "uri": f"{ZIP}.zip", "lockUri": f"{ZIP}.pylock.toml", "sha256": "ab" * 32,
    "contentSha256": "cd" * 32, "sizeBytes": 58_300_000, "uncompressedBytes": 245_000_000, "fileCount": 6054,
    "packageCount": 15, "pythonVersion": "3.12", "architecture": "amd64", "glibc": "2.28", "lockHash": "1" * 64,
    "builtAt": "2026-11-21T12:00:00Z", "zipImportable": False, "buildToken": "now", "seconds": {"install": 1.5},
}  # fmt: skip


def read(**changed: Any) -> Any:
    return read_record(json.dumps({**FIELDS, **changed}).encode(), HOME)


def test_a_record_is_the_artifact_and_what_it_answers() -> None:
    record = read(reusedFrom={"namespace": "team-a", "name": "other", "slug": "B1B1B1B1"})
    assert record.artifact == artifact_in(FIELDS)
    assert (record.artifact.size, record.build_token) == ("58.3 MB", "now")
    assert record.reused_from == Source("other", "B1B1B1B1")
    assert read_record(None, HOME) is None


@pytest.mark.parametrize("name", ["uri", "lockUri", "sbomUri", "contentsUri", "recordUri", "logUri"])
def test_a_record_that_names_somebody_elses_object_is_none(name: str) -> None:
    assert read(**{name: str(FIELDS["uri"]).replace("team-a", "team-b")}) is None


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b"null", b'"text"', b"\xff", b"[" * 100_000, b"{}",
        json.dumps({**FIELDS, "sizeBytes": "large"}).encode(), json.dumps({**FIELDS, "warnings": 7}).encode(),
        json.dumps({**FIELDS, "sha256": "a" * 65}).encode(), json.dumps({**FIELDS, "reusedFrom": "other"}).encode(),
        json.dumps({**FIELDS, "reusedFrom": {"name": "other"}}).encode(),
    ],
)  # fmt: skip
def test_a_record_that_somebody_has_spoiled_is_none(data: bytes) -> None:
    assert read_record(data, HOME) is None
