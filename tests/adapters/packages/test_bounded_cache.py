"""What a cache keeps is bounded by what it weighs."""

from __future__ import annotations

import pytest

from dagy.adapters.packages.bounded_cache import WeighedCache


def test_the_values_that_were_not_used_for_longest_go() -> None:
    cache: WeighedCache[str, int] = WeighedCache(100)
    for number, key in enumerate("abc"):
        cache.put(key, number, 40)
    assert [cache.get(key) for key in "abc"] == [None, 1, 2]
    cache.get("b")
    cache.put("d", 3, 40)
    assert [cache.get(key) for key in "bcd"] == [1, None, 3]


def test_one_that_is_heavier_than_all_may_be_is_not_kept_and_replaces_the_one_before() -> None:
    cache: WeighedCache[str, int] = WeighedCache(100)
    cache.put("a", 1, 40)
    cache.put("a", 2, 101)
    assert cache.get("a") is None
    cache.put("b", 3, 100)
    assert cache.get("b") == 3


def test_an_exception_is_not_kept() -> None:
    """It holds what the functions held that it came through."""
    cache: WeighedCache[str, ValueError] = WeighedCache(100)
    with pytest.raises(TypeError):
        cache.put("a", ValueError("no"), 1)
    assert cache.get("a") is None
