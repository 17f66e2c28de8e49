"""An artifact of the same lock is copied: on a real API server and a real S3 server, without any build."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dagy.adapters.kube.api import deppackage_path
from dagy.model.base import NamespacedName
from dagy_builder.storage.store import ObjectStore
from tests.fakes.controller import NAMESPACE, Rig, create, erase_status, run

pytestmark = pytest.mark.apiserver


async def completed(rig: Rig, key: NamespacedName | None = None, **spec: Any) -> tuple[NamespacedName, dict[str, Any]]:
    """A package that is finished, and its status."""
    key = key or await create(rig, **spec)
    package = await rig.settle(key, rig.reconciler().reconcile)
    assert package["status"]["phase"] == "COMPLETED"
    return key, package["status"]


def jobs(rig: Rig) -> int:
    """How many Jobs there were since the last time."""
    count = len(rig.kubelet.jobs_seen)
    rig.kubelet.jobs_seen.clear()
    return count


def test_the_second_package_of_a_lock_is_a_copy(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key, first = await completed(rig)
        assert jobs(rig) == 2
        other, second = await completed(rig, dependencies=["requests", "pandas>=0"])
        assert jobs(rig) == 1, "the validation"
        assert second["build"]["reusedFrom"] == {"namespace": NAMESPACE, "name": key.name, "slug": first["slug"]}
        ours = f"s3://dagy/{rig.prefix}/{NAMESPACE}/{second['slug']}/"
        for name in ("uri", "lockUri"):
            assert second["artifact"][name].startswith(ours)
            copy, original = (objects.get(s["artifact"][name].removeprefix("s3://dagy/")) for s in (second, first))
            assert copy
            assert copy == original
        assert second["artifact"]["sha256"] == first["artifact"]["sha256"]
        records = [k for k in objects.list(f"{rig.prefix}/{NAMESPACE}/{second['slug']}/") if k.endswith("build.json")]
        record = json.loads(objects.get(records[0]) or b"")
        assert record["reusedFrom"] == second["build"]["reusedFrom"]

        await erase_status(rig.admin, deppackage_path(other.namespace, other.name))
        _, again = await completed(rig, other)
        assert jobs(rig) == 0
        assert (again["artifact"], again["build"]["reusedFrom"]) == (second["artifact"], second["build"]["reusedFrom"])

        # The copy is the package's own: it stays when the other one goes.
        await rig.admin.delete(deppackage_path(NAMESPACE, key.name))
        await rig.reconciler().reconcile(key)
        assert objects.get(second["s3Uri"].removeprefix("s3://dagy/"))

        await rig.admin.merge(
            deppackage_path(NAMESPACE, other.name), {"metadata": {"annotations": {"dagy.io/build": "really"}}}
        )
        await rig.reconciler().reconcile(other)
        _, built = await completed(rig, other)
        assert jobs(rig) == 1
        assert "reusedFrom" not in built["build"]

    run(kubeconfig, objects, test)


@pytest.mark.parametrize("missing", ["zip", "lock", "record"])
def test_what_is_not_whole_is_built(kubeconfig: str, objects: ObjectStore, missing: str) -> None:
    async def test(rig: Rig) -> None:
        _, first = await completed(rig)
        jobs(rig)
        names = {
            "zip": first["artifact"]["uri"],
            "lock": first["artifact"]["lockUri"],
            "record": next(k for k in objects.list(f"{rig.prefix}/") if k.endswith(".build.json")),
        }
        objects.delete(names[missing].removeprefix("s3://dagy/"))
        _, second = await completed(rig, dependencies=["pandas"])
        assert jobs(rig) == 2
        assert "reusedFrom" not in second["build"]

    run(kubeconfig, objects, test)


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        ({"pythonVersion": "3.11"}, 2),
        ({"sourceDistributions": "Allow"}, 2),
        ({"excludeNewer": "2026-01-01T00:00:00Z"}, 1),
    ],
)
def test_only_what_would_be_the_same_is_copied(
    kubeconfig: str, objects: ObjectStore, spec: dict[str, Any], count: int
) -> None:
    async def test(rig: Rig) -> None:
        await completed(rig)
        jobs(rig)
        await completed(rig, **spec)
        assert jobs(rig) == count

    run(kubeconfig, objects, test)


def test_a_large_artifact_is_copied_in_parts_with_its_metadata(objects: ObjectStore) -> None:
    data = bytes(range(256)) * 90_000  # more than four parts of S3's smallest size
    objects.put("large.zip", data, "application/zip")
    assert objects.copy("large.zip", "copy.zip", part_bytes=5 << 20)
    assert objects.get("copy.zip") == data
    assert objects.head("copy.zip") == objects.head("large.zip")
    assert not objects.copy("nothing.zip", "copy.zip")


def test_of_many_with_the_same_lock_not_all_are_read(
    kubeconfig: str, objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagy.adapters.packages.cluster._MOST_ALIKE", 2, raising=False)

    async def test(rig: Rig) -> None:
        statuses = [(await completed(rig))[1] for _ in range(4)]
        assert jobs(rig) == 4 + 1, "four validations; any of those that were read is as good as another"
        [lock] = {status["lockHash"] for status in statuses}
        assert len(await rig.cluster().packages_with_lock(NAMESPACE, lock)) == 2

    run(kubeconfig, objects, test)
