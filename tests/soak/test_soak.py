"""What grows is found, whatever single rounds look like; a few rounds of the soak itself, and with leaks in the product."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from dagy.adapters.packages.claims import Claims
from dagy.controller.engine.controller import ManagedObject
from dagy.controller.packages.reconcile import PackageReconciler
from dagy.core.common.slug import Claim, new_slug
from dagy.core.metrics.packages import Census
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore
from tests.chaos import gate
from tests.chaos.virtual_time import VirtualLoop, run
from tests.fakes.kubelet import BUCKET
from tests.s3server import s3_server
from tests.soak.growth import LEAST_ROUNDS, growths, slope
from tests.soak.rounds import PACKAGES, LeftoverError, Vitals, soak
from tests.soak.vitals import ALLOWED

Play = Callable[[tuple[str, ...]], dict[str, list[float]]]


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
    """Plays a few rounds with these packages: the quantities that grow, in each round."""
    with s3_server(tmp_path, BUCKET) as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

        def played(packages: tuple[str, ...]) -> dict[str, list[float]]:
            async def whole(loop: VirtualLoop) -> list[Vitals]:
                few = {name: PACKAGES[name] for name in packages}
                data = tmp_path / "data" / BUCKET
                return await soak(loop, Path(kubeconfig), data, lambda rounds: len(rounds) < LEAST_ROUNDS, few)

            rounds = run(whole)
            return {one.name: [r[one.name] for r in rounds] for one in growths(rounds, ALLOWED) if one.is_leak}

        yield played


@pytest.mark.apiserver
def test_nothing_grows_in_some_rounds(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "_MOST_CALLS", 1000)  # of a round, and not of all of them
    assert play(("changed", "deleted", "invalid")) == {}


@pytest.mark.apiserver
def test_what_each_package_leaves_is_found(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks, files = list[asyncio.Task[bool]](), list[int]()
    finalize, create = PackageReconciler.finalize, Claims.create

    async def finalizing(self: PackageReconciler, obj: ManagedObject) -> float | None:
        tasks.append(asyncio.create_task(asyncio.Event().wait()))
        files.append(os.open("/dev/null", os.O_RDONLY))
        return await finalize(self, obj)

    async def claiming(self: Claims, slug: str, key: NamespacedName, namespace_uid: str) -> Claim | None:
        made = await create(self, slug, key, namespace_uid)
        await create(self, new_slug(), key, namespace_uid)
        return made

    monkeypatch.setattr(PackageReconciler, "finalize", finalizing)
    monkeypatch.setattr(Claims, "create", claiming)
    try:
        grow = play(("invalid",))
    finally:
        for file in files:
            os.close(file)
    assert {"asyncio tasks", "file descriptors", "objects in etcd"} <= grow.keys()


@pytest.mark.apiserver
def test_one_entry_for_each_package_that_is_gone_is_found(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Census, "gone", lambda *_: None)
    grow = play(("invalid", "malformed"))
    assert "entries of containers" in grow
    assert not {"asyncio tasks", "file descriptors", "objects in etcd"} & grow.keys()


@pytest.mark.apiserver
def test_an_object_that_stays_in_s3_ends_the_soak(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    delete_all = ObjectStore.delete_all

    def deleting(self: ObjectStore, keys: Sequence[str]) -> None:
        delete_all(self, [key for key in keys if not key.endswith(".zip")])

    monkeypatch.setattr(ObjectStore, "delete_all", deleting)
    with pytest.raises(LeftoverError, match=r"left behind: .*zip"):
        play(("changed",))
