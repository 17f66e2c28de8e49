"""What the operator or the API server refuses of a flow deployment: a sentence, and what was deployed before stays."""

from __future__ import annotations

from typing import Any

import pytest

from dagy.adapters.kube.api import deppackage_path, flowdeployment_path, namespaced
from dagy.core.flows.revisions import revision_name
from dagy_builder.storage.store import ObjectStore
from tests.fakes.flow_controller import CODE, FlowRig, annotations_of, ready, run, settled, true_conditions
from tests.fakes.kubelet import BUCKET

pytestmark = pytest.mark.apiserver


async def refused(rig: FlowRig, case: str) -> Any:
    """Deploy what is refused for one reason; the deployment's key."""
    good = await rig.package(versions={"numpy": "2.1"}, files={"a.py": "0" * 64})
    match case:
        case "unknown":
            return await rig.deploy(good, "ZZZZZZZZ")
        case "not completed":
            return await rig.deploy(good, await rig.package(phase="FAILED"))
        case "python":
            return await rig.deploy(good, image="docker.io/library/python:3.11-slim")
        case "python said":
            return await rig.deploy(good, pythonVersion="3.11")
        case "versions":
            return await rig.deploy(good, await rig.package(versions={"numpy": "2.2"}))
        case "files":
            return await rig.deploy(good, await rig.package(files={"a.py": "1" * 64}))
        case "another namespace":
            return await rig.deploy(good, await rig.package(namespace="team-a"))
        case "foreign":
            stolen = {"uri": f"s3://{BUCKET}/{rig.prefix}/team-a/A1B2C3D4/x.zip", "sha256": "0" * 64, "sizeBytes": 1}
            return await rig.deploy(good, artifact=stolen)
        case "absent":
            artifact = rig.upload("absent")
            objects_key = artifact["uri"].removeprefix(f"s3://{BUCKET}/")
            rig.objects.delete(objects_key)
            return await rig.deploy(good, artifact=artifact)
        case "size":
            return await rig.deploy(good, name="size", artifact={**rig.upload("size"), "sizeBytes": 7})
        case _:
            raise AssertionError(case)


REFUSALS = [
    ("unknown", "UnknownSlug", "has the slug ZZZZZZZZ"),
    ("not completed", "PackageNotCompleted", "is FAILED, not COMPLETED"),
    ("python", "PythonMismatch", "is for Python 3.12, but image docker.io/library/python:3.11-slim"),
    ("python said", "PythonMismatch", "but spec.pythonVersion says that the flow has Python 3.11"),
    ("versions", "VersionConflict", "brings numpy 2.1 and"),
    ("files", "FileConflict", "both bring the file a.py"),
    ("another namespace", "UnknownSlug", "No package that namespace"),
    ("foreign", "ForeignArtifact", "is not an upload of namespace"),
    ("absent", "ArtifactNotFound", "does not exist. Upload it again"),
    ("size", "ArtifactNotFound", f"has {len(CODE)} bytes and not 7"),
]


@pytest.mark.parametrize(("case", "reason", "words"), REFUSALS, ids=[r[0] for r in REFUSALS])
def test_refused_with_a_sentence_and_nothing_created(
    kubeconfig: str, objects: ObjectStore, case: str, reason: str, words: str
) -> None:
    async def test(rig: FlowRig) -> None:
        key = await refused(rig, case)
        await rig.admin.merge(flowdeployment_path(key.namespace, key.name), {"spec": {"schedule": "* * * * *"}})
        await rig.annotate(key, run="now")
        flow = await rig.look(key)
        assert ready(flow) == ("False", reason), flow["status"]
        assert true_conditions(flow) == {"Stalled", "Settled"}
        assert words in flow["status"]["message"]
        for resource in ("jobs", "cronjobs", "controllerrevisions"):
            assert not await rig.list(resource)
        events = [e["reason"] for e in await rig.list("events")]
        assert events == [reason]

    run(kubeconfig, objects, test)


def test_a_package_that_came_in_the_same_commit_is_waited_for(kubeconfig: str, objects: ObjectStore) -> None:
    """Git has both, and the flow is looked at first: a refusal would end the sync of Flux or Argo CD for nothing."""

    async def test(rig: FlowRig) -> None:
        await rig.package()
        spec = {"pythonVersion": "3.12", "dependencies": ["idna"], "slug": "NEWCOMER"}
        body = {"apiVersion": "dagy.io/v1", "kind": "DepPackage", "metadata": {"name": "newcomer"}, "spec": spec}
        made = await rig.admin.create(deppackage_path(rig.namespace, ""), body)
        assert made
        key = await rig.deploy("NEWCOMER")
        flow = await rig.look(key)
        assert ready(flow) == ("False", "PackageNotCompleted")
        assert true_conditions(flow) == {"Reconciling"}
        assert "No package has the slug NEWCOMER yet" in flow["status"]["message"]
        # Once it was looked at, it has this slug or another one.
        status = {"observedGeneration": 1, "phase": "FAILED", "slug": None, "conditions": [settled("FAILED")]}
        await rig.admin.merge(deppackage_path(rig.namespace, "newcomer", "status"), {"status": status})
        flow = await rig.look(key)
        assert ready(flow) == ("False", "UnknownSlug")
        assert true_conditions(flow) == {"Stalled", "Settled"}

    run(kubeconfig, objects, test)


def test_a_refused_version_leaves_the_one_before_in_place(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        package = await rig.package()
        key = await rig.deploy(package, schedule="0 3 * * *")
        await rig.look(key)
        await rig.deploy(package, "ZZZZZZZZ", name=key.name, flowVersion="2", suspend=True)
        flow = await rig.look(key)
        assert ready(flow) == ("False", "UnknownSlug")
        assert flow["status"]["message"].endswith("Revision 1 (version 1) stays deployed.")
        (cron,) = await rig.list("cronjobs")
        assert cron["spec"]["suspend"] is True, "a stop is a stop"
        assert annotations_of(cron["spec"]["jobTemplate"])["dagy.io/dep-packages"] == package.pin

    run(kubeconfig, objects, test)


def test_what_the_api_server_refuses_is_told(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        key = await rig.deploy(schedule="every day")
        flow = await rig.look(key)
        assert ready(flow) == ("False", "ApiServerRefused")
        assert "every day" in flow["status"]["message"]
        await rig.deploy(name=key.name, schedule="0 3 * * *")
        assert ready(await rig.look(key)) == ("True", "Deployed")

    run(kubeconfig, objects, test)


def test_what_has_the_name_of_a_revision_is_told(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        key = await rig.deploy(schedule="0 3 * * *")
        name = revision_name(key.name, (await rig.flow(key))["metadata"]["uid"], 1)
        path = namespaced("controllerrevisions", key.namespace)
        await rig.admin.create(path, {"metadata": {"name": name}, "revision": 1, "data": {}})
        flow = await rig.look(key)
        assert ready(flow) == ("False", "NameTaken")
        assert f"ControllerRevision {key.namespace}/{name} exists and is no revision" in flow["status"]["message"]
        assert true_conditions(flow) == {"Reconciling"}
        assert not await rig.list("cronjobs")
        await rig.admin.delete(f"{path}/{name}")
        assert ready(await rig.look(key)) == ("True", "Deployed")

    run(kubeconfig, objects, test)


def test_somebody_elses_cron_job_is_left_alone(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
        theirs = {
            "metadata": {"name": "taken"},
            "spec": {"schedule": "0 0 * * *", "jobTemplate": {"spec": {"template": {"spec": pod}}}},
        }
        await rig.admin.create(namespaced("cronjobs", rig.namespace), theirs)
        key = await rig.deploy(name="taken", schedule="0 3 * * *")
        flow = await rig.look(key)
        assert ready(flow) == ("False", "NameTaken")
        await rig.admin.merge(flowdeployment_path(key.namespace, key.name), {"spec": {"schedule": None}})
        assert ready(await rig.look(key)) == ("True", "Deployed")
        (cron,) = await rig.list("cronjobs")
        assert cron["spec"]["schedule"] == "0 0 * * *"

    run(kubeconfig, objects, test)
