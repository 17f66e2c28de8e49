"""The catalogue of reasons: whole, and of one mind with what decides."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagy.core.common.failure import Failure
from dagy.core.common.reasons import CATALOGUE, StateReason
from dagy.core.outcomes import pod_failures
from dagy.core.outcomes.facts import PodFact
from dagy_builder.contract import Fault, Reason, Step

REASONS = Path(__file__).parents[3] / "docs/reasons.md"


def test_every_reason_has_its_row() -> None:
    assert {*StateReason, *Reason} == set(CATALOGUE)
    rows = [row for row in REASONS.read_text().splitlines() if row.startswith("|")]
    assert len(rows) == 2 + len(CATALOGUE)
    assert {row.count("|") for row in rows} == {7}


@pytest.mark.parametrize("reason", [Reason.UV_MISSING, Reason.STORAGE_ACCESS_DENIED, Reason.BUCKET_NOT_FOUND])
def test_what_the_administrator_mends_goes_on_by_itself(reason: Reason) -> None:
    assert CATALOGUE[reason].fault is Fault.ADMINISTRATOR
    assert Failure(reason, "It is so.", Fault.ADMINISTRATOR).retryable


@pytest.mark.parametrize(
    "failure",
    [
        pod_failures.CANCELLED,
        pod_failures.DEADLINE,
        pod_failures.out_of_memory(Step.INSTALL),
        pod_failures.lost("job"),
        pod_failures.crashed(Step.PACKAGE, 139),
        pod_failures.stopped(PodFact("p", "Failed", "Evicted", "The node was low on resource: memory.")),
        pod_failures.stopped(PodFact("p", "Failed", "Evicted", "Pod ephemeral local storage usage exceeds 1Mi.")),
        pod_failures.stopped(PodFact("p", "Failed", "Terminated", "node shutdown")),
        pod_failures.stopped(PodFact("p", "Failed", "DeadlineExceeded")),
    ],
    ids=lambda failure: failure.reason,
)
def test_the_table_says_what_is_done(failure: Failure) -> None:
    entry = next(entry for reason, entry in CATALOGUE.items() if reason == failure.reason)
    assert entry.fault is failure.fault
    assert entry.next_step
    assert "tried again" not in failure.message, "whether it is, only the state knows"
