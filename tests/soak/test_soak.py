"""What grows is found, whatever single rounds look like; and a few rounds of the soak itself."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos import gate
from tests.chaos.virtual_time import VirtualLoop, run
from tests.fakes.kubelet import BUCKET
from tests.s3server import s3_server
from tests.soak.growth import LEAST_ROUNDS, growths, slope
from tests.soak.rounds import PACKAGES, Vitals, soak
from tests.soak.vitals import ALLOWED

FEW = {name: PACKAGES[name] for name in ("changed", "deleted", "invalid")}


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


@pytest.mark.apiserver
def test_nothing_grows_in_some_rounds(kubeconfig: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_MOST_CALLS", 1000)  # of a round, and not of all of them
    with s3_server(tmp_path, BUCKET) as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

        async def whole(loop: VirtualLoop) -> list[Vitals]:
            data = tmp_path / "data" / BUCKET
            return await soak(loop, Path(kubeconfig), data, lambda rounds: len(rounds) < LEAST_ROUNDS, FEW)

        rounds = run(whole)
    leaks = [one for one in growths(rounds, ALLOWED) if one.is_leak]
    assert not leaks, rounds
