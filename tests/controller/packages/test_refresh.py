"""A refresh: resolved anew, built where the lock is another one, and each of these once, however often one looks."""

from __future__ import annotations

import uuid

import pytest

from dagy_builder.storage.store import ObjectStore
from tests.controller.packages.test_lost import key_in_s3
from tests.fakes.controller import Rig, annotate, run
from tests.fakes.kubelet import LOCK
from tests.fakes.owners import completed

pytestmark = pytest.mark.apiserver


def test_another_lock_is_built_once(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        rig, key, before = await completed(rig)
        seen = set(rig.kubelet.jobs_seen)
        rig.kubelet.lock = f"{LOCK}# {uuid.uuid4()}\n"
        await annotate(rig, key, refresh="1")
        after = (await rig.settle(key, rig.reconciler().reconcile))["status"]
        assert after["phase"] == "COMPLETED"
        assert after["lockHash"] != before["status"]["lockHash"]
        assert after["artifact"]["lockHash"] == after["lockHash"]
        assert after["lastHandledRefresh"] == "1"
        assert len(rig.kubelet.jobs_seen - seen) == 2, "a validation and a build"

    run(kubeconfig, objects, test)


def test_the_same_lock_whose_zip_is_gone_is_built_once(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        rig, key, before = await completed(rig)
        seen = set(rig.kubelet.jobs_seen)
        objects.delete(key_in_s3(before["status"]))
        await annotate(rig, key, refresh="1")
        after = (await rig.settle(key, rig.reconciler().reconcile))["status"]
        assert after["phase"] == "COMPLETED"
        assert after["lockHash"] == before["status"]["lockHash"]
        assert after["lastHandledRefresh"] == "1"
        assert len(rig.kubelet.jobs_seen - seen) == 2, "a validation and a build"

    run(kubeconfig, objects, test)
