"""First come, first served, within the limits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dagy.core.turns import Limits, Waiting, position_of

A, B, C, D = (Waiting(f"2026-11-21T12:00:00.00000{i}Z", ns, f"p{i}") for i, ns in enumerate(["x", "x", "y", "x"]))


def test_the_first_starts_and_the_others_know_their_place() -> None:
    limits = Limits(1, 1)
    assert [position_of(w, [A, B, C], [], limits) for w in (A, B, C)] == [0, 1, 2]


def test_running_jobs_take_slots() -> None:
    assert position_of(A, [A, B], ["z"], Limits(1, 1)) == 1
    assert position_of(A, [A, B], ["z"], Limits(2, 1)) == 0


def test_a_namespace_at_its_limit_blocks_nobody_else() -> None:
    limits = Limits(2, 1)
    assert [position_of(w, [A, B, C, D], [], limits) for w in (A, B, C, D)] == [0, 1, 0, 2]


waiting = st.builds(
    Waiting,
    arrived=st.integers(0, 30).map(lambda n: f"2026-11-21T12:00:{n:02d}.000000Z"),
    namespace=st.sampled_from(["x", "y", "z"]),
    name=st.sampled_from([f"p{n}" for n in range(8)]),
)


@given(
    queue=st.sets(waiting, min_size=1, max_size=12),
    running=st.lists(st.sampled_from(["x", "y", "z"]), max_size=6),
    total=st.integers(1, 5),
    per_namespace=st.integers(1, 5),
)
def test_the_limits_hold_and_nobody_overtakes(
    queue: set[Waiting], running: list[str], total: int, per_namespace: int
) -> None:
    limits = Limits(total, per_namespace)
    positions = {w: position_of(w, queue, running, limits) for w in queue}
    starters = [w for w, place in positions.items() if place == 0]
    assert len(starters) <= max(0, total - len(running))
    for namespace in ("x", "y", "z"):
        inside = [w for w in starters if w.namespace == namespace]
        assert not inside or len(inside) + running.count(namespace) <= per_namespace
        mine = sorted(w for w in queue if w.namespace == namespace)
        assert sorted(inside) == mine[: len(inside)]
    places = sorted(place for place in positions.values() if place)
    assert places == list(range(1, len(places) + 1))
