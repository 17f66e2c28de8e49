"""A flow's code in S3: when it is deleted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dagy.core.common.keys import FlowHome, FlowUpload, Location
from dagy.core.flows.artifact import deletable
from dagy.model.base import NamespacedName


@given(
    released=st.sets(st.sampled_from(["a/1", "a/2", "b/1", "c/1"])),
    used=st.sets(st.sampled_from(["a/1", "b/1", "c/1"])),
    living=st.sets(st.sampled_from(["a", "b", "c"])),
)
def test_nothing_that_is_used_or_somebody_elses_is_deleted(
    released: set[str], used: set[str], living: set[str]
) -> None:
    def upload(name: str) -> FlowUpload:
        deployment, _, digit = name.partition("/")
        return FlowHome(Location("dagy"), "team-a").upload(deployment, digit * 64)

    gone = set(deletable(map(upload, released), map(upload, used), living, NamespacedName("team-a", "a")))
    assert gone <= {upload(r) for r in released}
    assert not gone & {upload(u) for u in used}
    assert all(u.deployment == "a" or u.deployment not in living for u in gone)
    assert {upload(r) for r in released - used if r.startswith("a/")} <= gone
