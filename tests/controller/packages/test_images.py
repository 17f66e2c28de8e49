"""Images beside ZIPs: the ZIP waits for none, and the condition ImagePushed says what became of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dagy.adapters.kube.api import deppackage_path, namespaced
from dagy.adapters.packages import images
from dagy.controller.packages.artifact_checks import ArtifactChecks
from dagy.model.base import NamespacedName
from dagy_builder.contract import BuildRequest
from dagy_builder.storage.store import ObjectStore
from tests.builder.registry.test_client import serving
from tests.fakes.controller import NAMESPACE, Rig, create, erase_status, run
from tests.fakes.kubelet import BUILDS

pytestmark = pytest.mark.apiserver

REGISTRY, DIGEST = "registry.example:5000/dagy", "sha256:" + "a" * 64


async def status_of(rig: Rig, key: NamespacedName) -> dict[str, Any]:
    package = await rig.package(key)
    assert package
    return dict(package["status"])


def pushed(status: dict[str, Any]) -> tuple[str, str] | None:
    """The condition ImagePushed."""
    return next((c["status"], c["reason"]) for c in status["conditions"] if c["type"] == "ImagePushed")


async def heard(rig: Rig, key: NamespacedName) -> BuildRequest:
    """Bring the package to where its ZIP is complete and its build's pod goes on; return what the pod was asked for."""
    rig.kubelet.late = True
    operator = rig.reconciler(registry=REGISTRY)
    await operator.reconcile(key)
    while not any("-build-" in job for job in rig.kubelet.reported):
        await rig.kubelet.step()
        await operator.reconcile(key)
    job = next(job for job in rig.kubelet.reported if "-build-" in job)
    config = await rig.admin.get(namespaced("configmaps", BUILDS, job))
    assert config
    return BuildRequest.from_json(json.loads(config["data"]["request.json"]))


def write_to_record(objects: ObjectStore, status: dict[str, Any], **fields: Any) -> None:
    """Add to build.json what the pod would."""
    prefix = status["artifact"]["uri"].removeprefix("s3://dagy/").rpartition("/")[0]
    (name,) = [key for key in objects.list(f"{prefix}/") if key.endswith(".build.json")]
    objects.put(name, json.dumps({**json.loads(objects.get(name) or b""), **fields}).encode(), "application/json")


def test_the_zip_is_complete_while_the_image_is_pushed(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler(registry=REGISTRY)
        request = await heard(rig, key)
        await operator.reconcile(key)
        status = await status_of(rig, key)
        slug = status["slug"].lower()
        assert request.image_repository == f"{REGISTRY}/{NAMESPACE}/{slug}"
        assert (status["phase"], pushed(status)) == ("COMPLETED", ("Unknown", "ImagePushing"))
        assert await operator.reconcile(key), "it looks again by itself"
        assert (await rig.admin.list(namespaced("jobs", BUILDS)))[0], "its pod goes on"
        write_to_record(objects, status, image=f"{request.image_repository}@{DIGEST}")
        await rig.kubelet.end_heard()
        await operator.reconcile(key)
        status = await status_of(rig, key)
        assert status["artifact"]["image"] == f"{request.image_repository}@{DIGEST}"
        assert pushed(status) == ("True", "ImagePushed")
        await operator.reconcile(key)
        assert not (await rig.admin.list(namespaced("jobs", BUILDS)))[0]

    run(kubeconfig, objects, test)


def test_a_failed_push_is_told_and_the_package_is_ready(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler(registry=REGISTRY)
        await heard(rig, key)
        await operator.reconcile(key)
        failure = {"reason": "RegistryUnreachable", "message": "It is away."}
        write_to_record(objects, await status_of(rig, key), imageFailure=failure)
        await rig.kubelet.end_heard()
        await operator.reconcile(key)
        status = await status_of(rig, key)
        assert pushed(status) == ("False", "RegistryUnreachable")
        assert {c["type"]: c["status"] for c in status["conditions"]}["Ready"] == "True"
        said = next(c["message"] for c in status["conditions"] if c["type"] == "ImagePushed")
        command = f'kubectl -n {key.namespace} annotate deppackage {key.name} dagy.io/build="$(date +%s)" --overwrite'
        advice = f"Pods get the package by the init container meanwhile. A build is requested by `{command}`."
        assert said == f"It is away. {advice}"

    run(kubeconfig, objects, test)


def test_a_pod_that_ended_before_it_had_pushed(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler(registry=REGISTRY)
        await heard(rig, key)
        await operator.reconcile(key)
        await rig.kubelet.end_heard()
        await operator.reconcile(key)
        assert pushed(await status_of(rig, key)) == ("False", "ImageNotPushed")

    run(kubeconfig, objects, test)


def test_an_artifact_of_before_there_was_a_registry(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: Rig) -> None:
        key = await create(rig)
        status = (await rig.settle(key, rig.reconciler().reconcile))["status"]
        assert "ImagePushed" not in {c["type"] for c in status["conditions"]}
        await rig.reconciler(registry=REGISTRY).reconcile(key)
        status = await status_of(rig, key)
        assert (status["phase"], pushed(status)) == ("COMPLETED", ("False", "ImageNotPushed"))
        await rig.reconciler().reconcile(key)
        assert "ImagePushed" not in {c["type"] for c in (await status_of(rig, key))["conditions"]}

    run(kubeconfig, objects, test)


@pytest.mark.parametrize("image", ["other.example/x@", f"{REGISTRY}/team-b/b1b2c3d4@", "{own}:latest@"])
def test_an_image_that_somebody_wrote_into_status_is_not_kept(
    kubeconfig: str, objects: ObjectStore, image: str
) -> None:
    async def test(rig: Rig) -> None:
        key, operator = await create(rig), rig.reconciler(registry=REGISTRY)
        request = await heard(rig, key)
        await operator.reconcile(key)
        own = f"{request.image_repository}@{DIGEST}"
        write_to_record(objects, await status_of(rig, key), image=own)
        await rig.kubelet.end_heard()
        await operator.reconcile(key)
        forged = image.format(own=request.image_repository) + DIGEST
        path = f"{deppackage_path(key.namespace, key.name)}/status"
        await rig.admin.merge(path, {"status": {"artifact": {"image": forged}}})
        await operator.reconcile(key)
        assert (await status_of(rig, key))["artifact"]["image"] == own

    run(kubeconfig, objects, test)


@pytest.mark.parametrize("status_code", [404, 401, 503])
def test_an_image_that_is_gone_from_the_registry(
    kubeconfig: str, objects: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status_code: int
) -> None:
    """It is told, and leaves status, so that pods get the init container; a registry that is away has lost nothing."""
    monkeypatch.setattr(images, "_IDLE_SECONDS", 0.1)
    (tmp_path / "config.json").write_text("{}")
    answer, asked, found = [200], list[str](), list[NamespacedName]()

    def answers(request: Any) -> None:
        asked.append(request.path)
        request.reply(answer[0], Docker_Content_Digest=DIGEST)

    with serving(answers) as registry:

        async def test(rig: Rig) -> None:
            store = rig.store_with(registry, images.ImageRegistry(tmp_path / "config.json", plain_http=True))
            checks = ArtifactChecks(store, found.append)
            key, operator = await create(rig), rig.reconciler(registry=registry, store=store, checks=checks)
            status = (await rig.settle(key, rig.reconciler().reconcile))["status"]
            own = f"{registry}/{NAMESPACE}/{status['slug'].lower()}@{DIGEST}"
            write_to_record(objects, status, image=own)
            await operator.reconcile(key)
            assert (await status_of(rig, key))["artifact"]["image"] == own
            await checks.check_next()
            assert asked == [f"/v2/dagy/{NAMESPACE}/{status['slug'].lower()}/manifests/{DIGEST}"]
            answer[0] = status_code
            await checks.check_next()
            if status_code != 404:
                assert not found
                before = len(asked)
                await checks.check_next()
                assert len(asked) == before, "it is left alone for a while"
                return
            assert found == [key]
            await operator.reconcile(key)
            status = await status_of(rig, key)
            assert (status["phase"], pushed(status)) == ("COMPLETED", ("False", "ImageGone"))
            assert "image" not in status["artifact"]
            await checks.check_next()
            assert found == [key], "what is known to be gone is not looked for"
            await erase_status(rig.admin, deppackage_path(NAMESPACE, key.name))
            await operator.reconcile(key)
            assert pushed(await status_of(rig, key)) == ("False", "ImageGone")

        run(kubeconfig, objects, test)
