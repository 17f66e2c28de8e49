"""Leaks in the product, to see that the soak finds them; and a few rounds with one, for a process of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dagy.adapters.packages.claims import Claims
from dagy.controller.engine.reconciler import ManagedObject
from dagy.controller.packages.reconcile import PackageReconciler
from dagy.core.common.slug import Claim, new_slug
from dagy.core.metrics.packages import Census
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore
from tests.chaos import gate
from tests.chaos.virtual_time import VirtualLoop, run
from tests.soak.growth import LEAST_ROUNDS, growths
from tests.soak.rounds import PACKAGES, Vitals, soak
from tests.soak.vitals import ALLOWED

Leak = Callable[[pytest.MonkeyPatch], None]


def played_with(kubeconfig: Path, data: Path, packages: tuple[str, ...], leak: Leak) -> dict[str, list[float]]:
    """Play a few rounds of the soak. Return the quantities that grew, in each round."""

    async def whole(loop: VirtualLoop) -> list[Vitals]:
        few = {name: PACKAGES[name] for name in packages}
        return await soak(loop, kubeconfig, data, lambda rounds: len(rounds) < LEAST_ROUNDS, few)

    with pytest.MonkeyPatch.context() as patch:
        leak(patch)
        rounds = run(whole)
    return {one.name: [r[one.name] for r in rounds] for one in growths(rounds, ALLOWED) if one.is_leak}


def no_leak(patch: pytest.MonkeyPatch) -> None:
    """The product as it is."""
    patch.setattr(gate, "_MOST_CALLS", 1000)  # of a round, and not of all of them


def a_task_a_file_and_a_claim(patch: pytest.MonkeyPatch) -> None:
    """Each package leaves them."""
    tasks = list[asyncio.Task[bool]]()
    finalize, create = PackageReconciler.finalize, Claims.create

    async def finalizing(self: PackageReconciler, obj: ManagedObject) -> float | None:
        tasks.append(asyncio.create_task(asyncio.Event().wait()))
        os.open("/dev/null", os.O_RDONLY)
        return await finalize(self, obj)

    async def claiming(self: Claims, slug: str, key: NamespacedName, namespace_uid: str) -> Claim | None:
        made = await create(self, slug, key, namespace_uid)
        await create(self, new_slug(), key, namespace_uid)
        return made

    patch.setattr(PackageReconciler, "finalize", finalizing)
    patch.setattr(Claims, "create", claiming)


def an_entry(patch: pytest.MonkeyPatch) -> None:
    """One of a dictionary, for each package that is gone."""
    patch.setattr(Census, "gone", lambda *_: None)


def an_object_in_s3(patch: pytest.MonkeyPatch) -> None:
    """The ZIP stays."""
    delete_all = ObjectStore.delete_all

    def deleting(self: ObjectStore, keys: Sequence[str]) -> None:
        delete_all(self, [key for key in keys if not key.endswith(".zip")])

    patch.setattr(ObjectStore, "delete_all", deleting)
