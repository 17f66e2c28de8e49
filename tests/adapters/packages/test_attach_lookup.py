"""What stays in memory of the packages that pods asked for."""

from __future__ import annotations

import asyncio
import gc
import gzip
import weakref
from collections.abc import Iterator
from typing import Any, cast

import pytest

from dagy.adapters.packages import attach_lookup
from dagy.adapters.packages.attach_lookup import AttachLookup
from dagy.core.attach.contents import FileComparison
from dagy.core.attach.pin import Pinned, Refusal
from dagy.core.common.keys import Location
from dagy_builder.storage.store import ObjectStore
from tests.fakes.attachable import ONE, TWO, A, B, artifact
from tests.fakes.homes import ZIP, home

LOCK = b'[[packages]]\nname = "a"\nversion = "1"\n'
UNUSABLE = gzip.compress(b"damaged\n")


class Stored:
    """A store in which each lock can be read, and no list of files."""

    def chunks(self, key: str) -> Iterator[bytes]:
        return iter([LOCK if key.endswith("pylock.toml") else UNUSABLE])


def pinned(slug: str, sha256: str) -> Pinned:
    place = home(slug)
    uri = f"s3://b/{place.folder.text}{ZIP}".removesuffix("zip")
    whole = artifact(sha256).model_copy(
        update={"lock_uri": f"{uri}pylock.toml", "contents_uri": f"{uri}contents.txt.gz"}
    )
    return Pinned(place, whole)


def test_of_a_list_that_is_refused_only_the_reason_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error itself would hold what had been compared until then: 30 such lists filled the webhook's memory."""
    compared: list[weakref.ref[FileComparison]] = []

    class Seen(FileComparison):
        def __init__(self, most_files: int) -> None:
            super().__init__(most_files)
            compared.append(weakref.ref(self))

    monkeypatch.setattr(attach_lookup, "FileComparison", Seen)
    lookup = AttachLookup(cast(Any, None), Location("b", ""), cast(ObjectStore, Stored()))
    both = [pinned(A, ONE), pinned(B, TWO)]
    for _ in range(2):
        refused = asyncio.run(lookup.conflicts(both))
        assert isinstance(refused, Refusal)
        assert "a line without a path" in refused.message
    gc.collect()
    assert [one() for one in compared] == [None], "it was compared once, and nothing of that is left"
