"""A build's record has two writers, the operator and the pod that pushes the image: neither undoes the other's."""

from __future__ import annotations

import json

import pytest
from typing_extensions import override

from dagy.adapters.packages.artifact_store import ArtifactStore
from dagy.controller.packages.slugs import Slugs
from dagy.core.common.keys import Location, PackageHome
from dagy.core.package.plan import plan_of
from dagy.core.package.records import Record
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import Rig, run
from tests.fakes.kubelet import BUCKET
from tests.fakes.owners import completed

pytestmark = pytest.mark.apiserver


class Meanwhile(ObjectStore):
    """A store in which the pod writes to the record between the operator's reading and its writing, once."""

    wrote = False

    @override
    def get_tagged(self, key: str) -> tuple[bytes, str] | None:
        found = super().get_tagged(key)
        if found and not self.wrote:
            self.wrote = True
            self.put(key, json.dumps({**json.loads(found[0]), "byThePod": True}).encode(), "application/json")
        return found


def test_what_the_pod_wrote_meanwhile_stays(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        rig, _, package = await completed(rig)
        home = await Slugs(rig.cluster().claims, rig.store, 10_000).ensure_home(package)
        assert isinstance(home, PackageHome)
        record = await rig.store.record(home, plan_of(package), package["status"]["lockHash"])
        assert isinstance(record, Record)
        store = ArtifactStore(Meanwhile(BUCKET), Location(BUCKET, rig.prefix))
        finished = await store.finish_record(home, record, "", "sha256:1")
        kept = json.loads(objects.get(home.records(record.artifact)[0].text) or b"{}")
        assert (kept["imageId"], kept.get("byThePod")) == ("sha256:1", True)
        assert finished.artifact.uri == record.artifact.uri

    run(kubeconfig, objects, test)
