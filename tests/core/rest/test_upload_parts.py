"""How a file is cut into parts, and what no part of it is. Pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.rest.upload_parts import Cut


@given(size=st.integers(1, 10**6), part=st.integers(1, 10**6))
def test_the_parts_are_the_file(size: int, part: int) -> None:
    cut = Cut(size, max(part, size // 500 + 1))
    lengths = [cut.length(number) for number in range(1, cut.count + 1)]
    assert sum(lengths) == size
    assert all(length == cut.part_size for length in lengths[:-1])
    assert 0 < lengths[-1] <= cut.part_size


@pytest.mark.parametrize(
    ("numbers", "there", "says"),
    [
        ({1, 2, 3}, {}, None),
        ({3}, {1: 10, 2: 10}, None),
        ({1}, {1: 7, 3: 5}, None),
        ({4, 9}, {}, "no part 4"),
        ({1}, {2: 11}, "a part 2 of 11 bytes"),
        ({1}, {3: 6}, "a part 3 of 6 bytes"),
        ({1}, {4: 1}, "a part 4 of 1 bytes"),
    ],
)
def test_what_is_no_part_of_it(numbers: set[int], there: dict[int, int], says: str | None) -> None:
    found = Cut(25, 10).misfit(numbers, there)
    assert (says in found) if found and says else found is says
