"""What grows is found, whatever single rounds look like; a few rounds of the soak itself, and with leaks in the product."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.fakes.kubelet import BUCKET
from tests.s3server import s3_server
from tests.soak.growth import growths, slope
from tests.soak.leaks import Leak, a_task_a_file_and_a_claim, an_entry, an_object_in_s3, no_leak, played_with
from tests.soak.rounds import LeftoverError

Play = Callable[[tuple[str, ...], Leak], dict[str, list[float]]]


def grown(values: list[float], allowed: float = 5.0) -> bool:
    [one] = growths([{"it": value} for value in values], {"it": allowed})
    return one.is_leak


def test_what_grows_a_little_in_each_round_is_a_leak() -> None:
    rng = random.Random(1)
    assert grown([100 + 0.1 * number + rng.uniform(-1, 1) for number in range(100)])
    assert slope([1.0, 2.0, 3.0, 4.0]) == 1.0


def test_what_goes_up_and_down_is_none() -> None:
    rng = random.Random(1)
    assert not grown([100 + rng.uniform(-20, 20) for _ in range(100)])
    assert not grown([100.0] * 8 + [400.0]), "a single round"
    assert not grown([10.0, 50.0, 80.0, *[100.0] * 9]), "caches fill at the beginning"


def test_too_few_rounds_tell_nothing() -> None:
    with pytest.raises(ValueError, match="too few"):
        grown([1.0] * 6)


@pytest.fixture
def play(kubeconfig: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    """Plays a few rounds with these packages and a leak in the product: the quantities that grow, in each round.

    In a process of its own: what other tests have left in this one grows as well.
    """
    with s3_server(tmp_path, BUCKET) as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

        def played(packages: tuple[str, ...], leak: Leak) -> dict[str, list[float]]:
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
                return pool.submit(played_with, Path(kubeconfig), tmp_path / "data" / BUCKET, packages, leak).result()

        yield played


@pytest.mark.apiserver
def test_nothing_grows_in_some_rounds(play: Play) -> None:
    assert play(("changed", "deleted", "invalid"), no_leak) == {}


@pytest.mark.apiserver
def test_what_each_package_leaves_is_found(play: Play) -> None:
    grow = play(("invalid",), a_task_a_file_and_a_claim)
    assert {"asyncio tasks", "file descriptors", "objects in etcd"} <= grow.keys()


@pytest.mark.apiserver
def test_one_entry_for_each_package_that_is_gone_is_found(play: Play) -> None:
    grow = play(("changed", "invalid", "malformed"), an_entry)
    assert "entries of containers" in grow
    assert not {"asyncio tasks", "file descriptors", "objects in etcd"} & grow.keys()


@pytest.mark.apiserver
def test_an_object_that_stays_in_s3_ends_the_soak(play: Play) -> None:
    with pytest.raises(LeftoverError, match=r"left behind: .*zip"):
        play(("changed",), an_object_in_s3)
