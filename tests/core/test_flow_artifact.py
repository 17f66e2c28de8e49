"""A flow's code in S3: whose it may be, and when it is deleted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.flow_artifact import deletable, own_key
from dagy.core.plan import Key


@pytest.mark.parametrize(
    ("uri", "mine"),
    [
        ("s3://dagy/x/team-a/flows/etl/1.zip", True),
        ("s3://dagy/x/team-a/flows/other/1.zip", True),
        ("s3://dagy/x/team-b/flows/etl/1.zip", False),
        ("s3://dagy/x/team-a/A1B2C3D4/1.zip", False),
        ("s3://dagy/x/team-a/flows/../A1B2C3D4/1.zip", False),
        ("s3://dagy/x/team-a/flows/", False),
        ("s3://elsewhere/x/team-a/flows/etl/1.zip", False),
        ("s3://dagy/team-a/flows/etl/1.zip", False),
    ],
)
def test_only_uploads_of_the_own_namespace_are_taken(uri: str, mine: bool) -> None:
    assert (own_key(uri, "dagy", "x", "team-a") is not None) is mine


@given(
    released=st.sets(st.sampled_from(["a/1", "a/2", "b/1", "c/1"])),
    used=st.sets(st.sampled_from(["a/1", "b/1", "c/1"])),
    living=st.sets(st.sampled_from(["a", "b", "c"])),
)
def test_nothing_that_is_used_or_somebody_elses_is_deleted(
    released: set[str], used: set[str], living: set[str]
) -> None:
    def key(name: str) -> str:
        return f"team-a/flows/{name}"

    gone = set(deletable(map(key, released), map(key, used), living, Key("team-a", "a"), ""))
    assert gone <= {key(r) for r in released}
    assert not gone & {key(u) for u in used}
    assert all(k.split("/")[2] == "a" or k.split("/")[2] not in living for k in gone)
    assert {key(r) for r in released - used if r.startswith("a/")} <= gone
