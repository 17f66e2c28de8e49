"""Work ahead of its results: in order, at once, within its bound, and ended with the block."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy_builder.archive.ahead import Ahead


@given(st.lists(st.integers(0, 20), max_size=30), st.integers(1, 4), st.integers(1, 30))
def test_results_come_in_order_and_what_is_under_way_is_bounded(sizes: list[int], threads: int, most: int) -> None:
    lock, under_way, highest = threading.Lock(), 0, 0

    def work(number: int) -> int:
        return number

    def batches() -> object:
        nonlocal under_way, highest
        for number, size in enumerate(sizes):
            with lock:
                under_way += size
                highest = max(highest, under_way)
            yield number, size

    with Ahead(work, batches(), threads=threads, most=most) as ahead:  # type: ignore[arg-type]
        taken = []
        for result in ahead:
            taken.append(result)
            under_way -= sizes[result]
    assert taken == list(range(len(sizes)))
    largest = max(sizes, default=0)
    assert highest <= most + 3 * largest, "one is taken, one is looked at, and one may be larger than all room"


def test_it_begins_before_anybody_takes_a_result() -> None:
    begun = threading.Event()
    with Ahead(lambda _: begun.set(), [(1, 1)], threads=1, most=1):
        assert begun.wait(60)


def test_the_failure_comes_in_its_place_and_the_rest_is_not_begun() -> None:
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 1:
            raise ValueError("no")
        return number

    taken = []

    def take() -> None:
        with Ahead(work, ((number, 1) for number in range(100)), threads=1, most=3) as ahead:
            taken.extend(ahead)

    with pytest.raises(ValueError, match="no"):
        take()
    assert max(begun) < 10
