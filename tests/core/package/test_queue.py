"""Namespaces take turns, inside one it is first come, first served, within the limits, and however many wait."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from dagy.core.package.queue import FairQueue, Limits, QueueEntry, limits_of

NAMESPACES = ["x", "y", "z"]


def one(namespace: str, number: int) -> QueueEntry:
    return QueueEntry(f"2026-11-21T12:00:00.{number:06d}Z", namespace, f"p{number}")


def queue_of(limits: Limits, *waiting: QueueEntry) -> FairQueue:
    queue = FairQueue(limits)
    for each in waiting:
        queue.add(each)
    return queue


def served(queue: FairQueue, running: list[str], limits: Limits) -> list[QueueEntry]:
    """Who is started one after the other, each of whom ends before the next one starts when there is no room."""
    order: list[Any] = []
    while len(queue):
        queue.count(running)
        turn = queue.next()
        if not turn:
            assert running
            running.pop(0)
            continue
        assert queue.is_turn(turn[0])
        assert queue.place(turn[0]) == 1
        queue.served(turn[0])
        order.append(turn[0])
        running.append(turn[0].namespace)
        assert len(running) <= limits.total
        assert max(Counter(running).values()) <= limits.per_namespace
    return order


@pytest.mark.parametrize("total", [1, 2, 4])
def test_one_package_behind_twenty_four_of_another_namespace_is_second(total: int) -> None:
    limits = limits_of(total, total)
    many = [one("a", number) for number in range(24)]
    queue = queue_of(limits, *many)
    queue.count([])
    running = []
    for key in queue.next():
        queue.served(key)
        running.append(key.namespace)
    queue.add(one("b", 99))
    queue.count(running)
    assert queue.place(one("b", 99).key) == 1, "it waits for one end and not for twenty-four"
    order = served(queue, running, limits)
    assert order[0].namespace == "b"
    assert [key for key in order if key.namespace == "a"] == [each.key for each in many[total:]]


def test_namespaces_take_turns_whatever_they_bring() -> None:
    waiting = [one(namespace, number) for number, namespace in enumerate("xxxxxxyyyz")]
    order = served(queue_of(Limits(1, 1), *waiting), [], Limits(1, 1))
    assert "".join(key.namespace for key in order) == "xyzxyxyxxx"


def test_a_namespace_at_its_limit_blocks_nobody_else() -> None:
    waiting = [*(one("x", number) for number in range(5)), one("y", 9)]
    queue = queue_of(Limits(3, 1), *waiting)
    queue.count(["x"])
    assert [queue.is_turn(each.key) for each in waiting] == [False] * 5 + [True]
    assert queue.next() == [waiting[-1].key]


def test_by_default_no_namespace_can_take_all_slots() -> None:
    assert [limits_of(total, 0).per_namespace for total in (1, 2, 3, 4, 9)] == [1, 1, 1, 2, 4]
    assert limits_of(4, 4).per_namespace == 4


waiting = st.builds(one, st.sampled_from(NAMESPACES), st.integers(0, 60))


@settings(deadline=None)
@given(
    waits=st.sets(waiting, min_size=1, max_size=20),
    running=st.lists(st.sampled_from(NAMESPACES), max_size=6),
    history=st.lists(st.sampled_from(NAMESPACES), max_size=6),
    total=st.integers(1, 5),
    per_namespace=st.integers(1, 5),
)
def test_the_order_is_total_the_limits_hold_and_nobody_overtakes_its_neighbours(
    waits: set[QueueEntry], running: list[str], history: list[str], total: int, per_namespace: int
) -> None:
    queue = queue_of(Limits(total, per_namespace), *waits)
    for number, namespace in enumerate(history):
        gone = QueueEntry("2026", namespace, f"gone-{number}")
        queue.add(gone)
        queue.served(gone.key)
    queue.count(running)
    places = {each: queue.place(each.key) for each in waits}
    assert sorted(places.values()) == list(range(1, len(waits) + 1))
    turns = [each for each in waits if queue.is_turn(each.key)]
    assert set(queue.next()) == {each.key for each in turns}
    assert len(turns) <= max(0, total - len(running))
    for namespace in NAMESPACES:
        mine = sorted(each for each in waits if each.namespace == namespace)
        assert [places[each] for each in mine] == sorted(places[each] for each in mine)
        inside = [each for each in turns if each.namespace == namespace]
        assert not inside or len(inside) + running.count(namespace) <= per_namespace
        assert sorted(inside) == mine[: len(inside)]
    could = [each for each in waits if total > len(running) and running.count(each.namespace) < per_namespace]
    assert bool(turns) == bool(could), "no slot stays free while somebody may have it"


@settings(deadline=None)
@given(waits=st.sets(waiting, min_size=1, max_size=25), total=st.integers(1, 4), seed=st.integers(0, 99))
def test_nobody_starves(waits: set[QueueEntry], total: int, seed: int) -> None:
    """Whoever else keeps coming: one waits for a turn of each namespace, for each of one's own that came before."""
    newcomers = random.Random(seed)
    queue, number, running, turns = queue_of(Limits(total, total), *waits), 1_000, [], Counter[Any]()
    left = {each.key for each in waits}
    while left:
        queue.count(running)
        for key in queue.next():
            queue.served(key)
            running.append(key.namespace)
            left.discard(key)
            turns.update(each for each in left if each.namespace != key.namespace)
        for _ in range(2):
            number += 1
            queue.add(one(newcomers.choice(NAMESPACES), number))
        running.pop(0)
    before = {each.key: sum(other < each for other in waits if other.namespace == each.namespace) for each in waits}
    assert all(turns[key] <= len(NAMESPACES) * (before[key] + 1 + total) for key in turns)


class Counted(QueueEntry):
    """Counts how often two who wait are compared."""

    compared = 0

    @override
    def __lt__(self, other: QueueEntry) -> bool:
        Counted.compared += 1
        return (self.arrived, self.namespace, self.name) < (other.arrived, other.namespace, other.name)


@pytest.mark.parametrize("namespaces", [1, 10, 1_000])
def test_a_look_costs_no_more_the_more_wait(namespaces: int) -> None:
    """As a count, because times depend on the machine: binary searches, and nothing that ranks everybody."""
    queue, total = FairQueue(Limits(4, 2)), 10_000
    names = [f"team-{number % namespaces}" for number in range(total)]
    everybody = [Counted(f"2026-11-21T12:00:{n:09.6f}Z", name, f"p{n}") for n, name in enumerate(names)]
    for each in everybody:
        queue.add(each)
    queue.count(["team-0"])
    for look in (queue.add, lambda each: queue.place(each.key), lambda each: queue.is_turn(each.key)):
        Counted.compared = 0
        for each in random.Random(1).sample(everybody, 100):
            look(each)
        assert Counted.compared <= 100 * 2 * total.bit_length()
    Counted.compared = 0
    assert len(queue.next(more=10)) == 13
    assert Counted.compared == 0
    for each in everybody:
        queue.remove(each.key)
    assert len(queue) == 0
    assert Counted.compared <= total * total.bit_length() * 2


def test_what_is_remembered_of_namespaces_has_a_bound() -> None:
    queue = FairQueue(Limits(1, 1))
    for number in range(10_050):
        each = one(f"team-{number}", number)
        queue.add(each)
        queue.served(each.key)
    assert len(queue._served) == 10_000
