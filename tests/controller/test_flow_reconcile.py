"""Flow deployments against a real API server and S3: deployed, refused, run, rolled back, forgotten, deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from dagy.adapters.flow_cluster import FlowCluster
from dagy.adapters.kube import flowdeployment_path, namespaced
from dagy.core.flow_jobs import run_manifest
from dagy.core.flow_rollback import rollback_patch
from dagy_builder.storage import ObjectStore
from tests.controller.flow_harness import CODE, FlowRig, annotations_of, flow_rig, ready, true_conditions
from tests.controller.harness import BUCKET, Api, Crash

pytestmark = pytest.mark.apiserver

Json = dict[str, Any]


def run(kubeconfig: str, objects: ObjectStore, test: Callable[[FlowRig], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with flow_rig(kubeconfig, objects) as rig:
            await test(rig)

    asyncio.run(whole())


def test_pinned_scheduled_and_nothing_more(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        first, second = await rig.package(), await rig.package()
        key = await rig.deploy(first, second, schedule="0 3 * * *", timeZone="Europe/Berlin", retries=2)
        flow = await rig.look(key)
        status = flow["status"]
        assert (ready(flow), true_conditions(flow)) == (("True", "Deployed"), {"Ready", "Settled"})
        assert (status["revision"], status["flowVersion"], status["cronJobName"]) == (1, "1", key.name)
        assert [(p["slug"], p["sha256"]) for p in status["packages"]] == [
            (first.slug, first.sha256),
            (second.slug, second.sha256),
        ]
        (cron,) = await rig.list("cronjobs")
        assert (cron["spec"]["schedule"], cron["spec"]["timeZone"]) == ("0 3 * * *", "Europe/Berlin")
        job = cron["spec"]["jobTemplate"]
        assert annotations_of(job) == {
            "dagy.io/dep-packages": f"{first.pin},{second.pin}",
            "dagy.io/flow-artifact": {
                "deployment": key.name,
                "sha256": flow["spec"]["artifact"]["sha256"],
                "sizeBytes": len(CODE),
            },
            "dagy.io/python-version": "3.12",
        }
        container = job["spec"]["template"]["spec"]["containers"][0]
        assert container["image"] == "docker.io/library/python:3.12-slim"
        assert container["command"] == ["python", "-m", "daily_etl"]
        assert job["spec"]["backoffLimit"] == 2
        assert not await rig.list("jobs")

        api = Api(rig.admin)
        again = rig.reconciler(api)
        await again.reconcile(key)
        await again.reconcile(key)
        assert api.writes == []

    run(kubeconfig, objects, test)


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


def test_a_package_under_way_is_waited_for(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        package = await rig.package(phase="INSTALLING")
        key, operator = await rig.deploy(package), rig.reconciler()
        assert await operator.reconcile(key) is not None
        waiting = await rig.flow(key)
        assert true_conditions(waiting) == {"Reconciling"}
        assert ready(waiting) == ("False", "PackageNotCompleted")
        assert operator.index.deployments(package.slug) == {key}
        await rig.build(package)
        await operator.reconcile(key)
        assert ready(await rig.flow(key)) == ("True", "Deployed")

    run(kubeconfig, objects, test)


def test_a_package_of_another_namespace_with_the_right_to_get_it(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        package = await rig.package(namespace="team-a")
        rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/team-a"
        rule = {
            "apiGroups": ["dagy.io"],
            "resources": ["deppackages"],
            "resourceNames": [package.key.name],
            "verbs": ["get"],
        }
        name = f"get-{package.key.name}"
        await rig.admin.create(f"{rbac}/roles", {"metadata": {"name": name}, "rules": [rule]})
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
        subject = {"kind": "ServiceAccount", "name": "etl", "namespace": rig.namespace}
        binding = {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}
        await rig.admin.create(f"{rbac}/rolebindings", binding)
        assert ready(await rig.look(await rig.deploy(package))) == ("False", "UnknownSlug")
        flow = await rig.look(await rig.deploy(package, serviceAccountName="etl"))
        assert ready(flow) == ("True", "Deployed")
        assert flow["status"]["packages"][0]["namespace"] == "team-a"

    run(kubeconfig, objects, test)


def test_a_rebuild_changes_nothing_until_the_next_deploy(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        package = await rig.package()
        old = package.pin
        key = await rig.deploy(package, schedule="0 3 * * *")
        await rig.look(key)
        await rig.build(package)

        async def pinned() -> str:
            (cron,) = await rig.list("cronjobs")
            return str(annotations_of(cron["spec"]["jobTemplate"])["dagy.io/dep-packages"])

        await rig.look(key)
        assert await pinned() == old
        await rig.annotate(key, run="while the old one is deployed")
        await rig.look(key)
        await rig.annotate(key, refresh="1")
        flow = await rig.look(key)
        assert await pinned() == package.pin != old
        assert (flow["status"]["revision"], flow["status"]["lastHandledRefresh"]) == (2, "1")
        (job,) = await rig.list("jobs")
        assert annotations_of(job)["dagy.io/dep-packages"] == old
        assert job["spec"]["template"]["metadata"]["labels"]["dagy.io/revision"] == "1"

        await rig.annotate(key, refresh="2")
        flow = await rig.look(key)
        assert (flow["status"]["revision"], flow["status"]["lastHandledRefresh"]) == (2, "2")

    run(kubeconfig, objects, test)


def test_erased_status_changes_nothing(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        package = await rig.package()
        key = await rig.deploy(package, schedule="0 3 * * *")
        await rig.annotate(key, run="1", refresh="1")
        before = (await rig.look(key))["status"]
        await rig.build(package)
        erase = [{"op": "remove", "path": "/status"}]
        path = flowdeployment_path(key.namespace, key.name, "status")
        await rig.admin.request("PATCH", path, body=erase, content_type="application/json-patch+json")
        after = (await rig.look(key))["status"]
        times = {c["type"]: c["lastTransitionTime"] for c in after["conditions"]}
        for condition in before["conditions"]:
            condition["lastTransitionTime"] = times[condition["type"]]
        assert after == before
        assert len(await rig.list("jobs")) == 1

    run(kubeconfig, objects, test)


def test_runs_once_for_each_request_and_old_ones_go(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        key, operator = await rig.deploy(await rig.package(), runHistoryLimit=1), rig.reconciler()
        for token in ("1", "2", "3"):
            await rig.annotate(key, run=token)
            await operator.reconcile(key)
            await operator.reconcile(key)
            flow = await rig.flow(key)
            assert flow["status"]["lastHandledRun"] == token
            last = flow["status"]["lastRun"]
            assert last["phase"] == "Pending"
            await rig.end(last["jobName"], ok=token != "2")
            await operator.reconcile(key)
            ended = (await rig.flow(key))["status"]["lastRun"]
            assert (ended["jobName"], ended["phase"]) == (last["jobName"], "Failed" if token == "2" else "Succeeded")
        kept = [j["metadata"]["annotations"]["dagy.io/run"] for j in await rig.list("jobs") if alive(j)]
        assert sorted(kept) == ["2", "3"], "one that failed, one that succeeded"

        api_made = run_manifest(await rig.flow(key), "from the API")
        assert isinstance(api_made, dict)
        await rig.admin.create(namespaced("jobs", rig.namespace), api_made)
        await operator.reconcile(key)
        runs = await FlowCluster(rig.admin).runs(key, flow["metadata"]["uid"])
        assert [r.token for r in runs if r.live] == ["from the API"]

    run(kubeconfig, objects, test)


def alive(obj: Json) -> bool:
    return "deletionTimestamp" not in obj["metadata"]


def test_rollback_brings_back_the_artifacts_of_then(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        package = await rig.package()
        old = package.pin
        key = await rig.deploy(package, schedule="0 3 * * *", env=[{"name": "A", "value": "1"}])
        before = await rig.look(key)
        await rig.build(package)
        await rig.deploy(package, name=key.name, flowVersion="2", env=[], artifact=rig.upload(key.name, b"new"))
        await rig.look(key)
        patch = rollback_patch(await rig.flow(key), 1)
        assert isinstance(patch, dict)
        await rig.admin.merge(flowdeployment_path(key.namespace, key.name), patch)
        flow = await rig.look(key)
        assert (flow["status"]["revision"], flow["status"]["flowVersion"]) == (3, "1")
        (cron,) = await rig.list("cronjobs")
        assert annotations_of(cron["spec"]["jobTemplate"])["dagy.io/dep-packages"] == old
        assert {**flow["spec"], "depPackageSlugs": [package.slug]} == before["spec"]
        missing = rollback_patch(flow, 9)
        assert "keeps no revision 9; kept are: 3, 2, 1." in str(missing)

    run(kubeconfig, objects, test)


def test_revisions_past_the_limit_go_with_their_code_unless_a_run_needs_them(
    kubeconfig: str, objects: ObjectStore
) -> None:
    async def test(rig: FlowRig) -> None:
        package = await rig.package()
        key = await rig.deploy(package, name="many", revisionHistoryLimit=1)
        await rig.annotate(key, run="long")
        await rig.look(key)
        for version in ("2", "3", "4"):
            await rig.deploy(package, name="many", flowVersion=version, artifact=rig.upload("many", version.encode()))
            await rig.look(key)
        flow = await rig.look(key)
        assert [r["revision"] for r in flow["status"]["history"]] == [4, 3, 1]
        assert package.key in rig.woken
        codes = {objects.get(k) for k in objects.list(f"{rig.prefix}/{rig.namespace}/flows/many/")}
        assert codes == {CODE, b"3", b"4"}
        await rig.end(flow["status"]["lastRun"]["jobName"])
        flow = await rig.look(key)
        assert [r["revision"] for r in flow["status"]["history"]] == [4, 3]
        codes = {objects.get(k) for k in objects.list(f"{rig.prefix}/{rig.namespace}/flows/many/")}
        assert codes == {b"3", b"4"}

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


def test_a_schedule_that_is_taken_away(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        key = await rig.deploy(schedule="0 3 * * *")
        await rig.look(key)
        await rig.admin.merge(flowdeployment_path(key.namespace, key.name), {"spec": {"schedule": None}})
        flow = await rig.look(key)
        assert "cronJobName" not in flow["status"]
        assert not [c for c in await rig.list("cronjobs") if alive(c)]
        assert flow["status"]["revision"] == 1

    run(kubeconfig, objects, test)


def test_deletion_takes_the_code_along_but_not_what_another_uses(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        first = await rig.deploy(name="first")
        await rig.look(first)
        shared = (await rig.flow(first))["spec"]["artifact"]
        second = await rig.deploy(name="second", artifact=shared)
        await rig.look(second)
        rig.upload("first", b"never deployed")

        async def delete(key: Any) -> None:
            await rig.admin.delete(flowdeployment_path(key.namespace, key.name))
            await rig.reconciler().reconcile(key)
            assert await rig.admin.get(flowdeployment_path(key.namespace, key.name)) is None

        await delete(first)
        codes = [objects.get(k) for k in objects.list(f"{rig.prefix}/{rig.namespace}/flows/")]
        assert codes == [CODE]
        await rig.look(second)
        await delete(second)
        assert not list(objects.list(f"{rig.prefix}/{rig.namespace}/flows/"))

        retained = await rig.deploy(name="retained", deletionPolicy="Retain")
        await rig.look(retained)
        await delete(retained)
        assert list(objects.list(f"{rig.prefix}/{rig.namespace}/flows/retained/"))

    run(kubeconfig, objects, test)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_every_write_changes_nothing_in_the_end(kubeconfig: str, objects: ObjectStore, after: bool) -> None:
    most = 9

    async def crash(rig: FlowRig, die_at: int) -> tuple[bool, Json]:
        package = await rig.package()
        key = await rig.deploy(package, schedule="0 3 * * *")
        await rig.annotate(key, run="1")
        api, crashed = Api(rig.admin, die_at=die_at, after=after), False
        try:
            await rig.reconciler(api).reconcile(key)
        except Crash:
            crashed = True
        flow = await rig.look(key)
        mine = [j for j in await rig.list("jobs") if j["metadata"]["labels"]["dagy.io/flow-deployment"] == key.name]
        assert len(mine) == 1
        return crashed, {
            "ready": ready(flow),
            "revision": flow["status"]["revision"],
            "run": flow["status"]["lastHandledRun"],
        }

    async def test(rig: FlowRig) -> None:
        results = await asyncio.gather(*(crash(rig, die_at) for die_at in range(1, most + 1)))
        assert results[-1][0] is False, "a deployment takes more writes than this test lets crash"
        assert sum(crashed for crashed, _ in results) >= 6
        assert all(end == results[-1][1] for _, end in results)

    run(kubeconfig, objects, test)


def test_two_operators_at_once_are_harmless(kubeconfig: str, objects: ObjectStore) -> None:
    async def race(rig: FlowRig) -> None:
        key = await rig.deploy(await rig.package(), schedule="0 3 * * *")
        await rig.annotate(key, run="1")
        for _ in range(3):
            await asyncio.gather(*(rig.reconciler().reconcile(key) for _ in range(2)))
        flow = await rig.flow(key)
        assert (ready(flow), flow["status"]["revision"]) == (("True", "Deployed"), 1)

    async def test(rig: FlowRig) -> None:
        await asyncio.gather(*(race(rig) for _ in range(5)))
        assert (
            len(await rig.list("jobs"))
            == len(await rig.list("cronjobs"))
            == len(await rig.list("controllerrevisions"))
            == 5
        )

    run(kubeconfig, objects, test)
