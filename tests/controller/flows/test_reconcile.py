"""Flow deployments against a real API server and S3: deployed, scheduled, run, and no run changed by a rebuild."""

from __future__ import annotations

from typing import Any

import pytest

from dagy.adapters.flows.cluster import FlowCluster
from dagy.adapters.kube.api import deppackage_path, flowdeployment_path, namespaced
from dagy.core.flows.jobs import run_of
from dagy_builder.storage.store import ObjectStore
from tests.fakes.dying_api import Api
from tests.fakes.flow_controller import CODE, FlowRig, annotations_of, ready, run, true_conditions

pytestmark = pytest.mark.apiserver
Json = dict[str, Any]


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

        api = Api(rig.operator)
        again = rig.reconciler(api)
        await again.reconcile(key)
        await again.reconcile(key)
        assert api.writes == []

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


def test_runs_of_a_schedule_that_ended_are_the_deployments(kubeconfig: str, objects: ObjectStore) -> None:
    """They go on, and past the limit they are deleted; a Job that only carries the labels is nobody's run."""

    async def test(rig: FlowRig) -> None:
        key = await rig.deploy(schedule="0 3 * * *", runHistoryLimit=0)
        await rig.look(key)
        (cron,) = await rig.list("cronjobs")
        labels = cron["metadata"]["labels"]
        names = {"kind": "CronJob", "apiVersion": "batch/v1", "name": key.name, "uid": cron["metadata"]["uid"]}
        for name, owners in (("scheduled", [{**names, "controller": True}]), ("labelled", []), ("named", [names])):
            metadata = {"name": name, "labels": labels, "ownerReferences": owners}
            body = {"metadata": metadata, "spec": cron["spec"]["jobTemplate"]["spec"]}
            await rig.admin.create(namespaced("jobs", rig.namespace), body)
        flow = await rig.look(key)
        assert flow["status"]["lastRun"]["jobName"] == "scheduled"
        await rig.admin.merge(flowdeployment_path(key.namespace, key.name), {"spec": {"schedule": None}})
        await rig.look(key)
        by_name = {job["metadata"]["name"]: job for job in await rig.list("jobs")}
        (owner,) = by_name["scheduled"]["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["uid"], owner["controller"]) == ("FlowDeployment", flow["metadata"]["uid"], True)
        assert not [c for c in await rig.list("cronjobs") if alive(c)]
        for name in by_name:
            await rig.end(name)
        await rig.look(key)
        assert {j["metadata"]["name"] for j in await rig.list("jobs") if alive(j)} == {"labelled", "named"}

    run(kubeconfig, objects, test)


def test_a_package_under_way_is_waited_for(kubeconfig: str, objects: ObjectStore) -> None:
    async def test(rig: FlowRig) -> None:
        package = await rig.package(phase="INSTALLING")
        key, flows = await rig.deploy(package), rig.flows()
        operator = flows.controller
        assert await operator.reconcile(key) is not None
        waiting = await rig.flow(key)
        assert true_conditions(waiting) == {"Reconciling"}
        assert ready(waiting) == ("False", "PackageNotCompleted")
        assert flows.reconciler.index.deployments(package.slug) == {key}
        await rig.build(package)
        await operator.reconcile(key)
        assert ready(await rig.flow(key)) == ("True", "Deployed")

    run(kubeconfig, objects, test)


def test_a_package_that_was_changed_is_waited_for_until_it_is_looked_at(kubeconfig: str, objects: ObjectStore) -> None:
    """Git changes a flow and its package in one commit: neither the old artifact nor the old verdict counts."""

    async def test(rig: FlowRig) -> None:
        for phase in ("COMPLETED", "INVALID"):
            package = await rig.package(phase=phase)
            change = {"spec": {"dependencies": ["six"]}}
            await rig.admin.merge(deppackage_path(package.key.namespace, package.key.name), change)
            key = await rig.deploy(package)
            waiting = await rig.look(key)
            assert true_conditions(waiting) == {"Reconciling"}, phase
            assert ready(waiting) == ("False", "PackageNotCompleted")
            assert "was changed" in waiting["status"]["message"]
            await rig.build(package)
            flow = await rig.look(key)
            assert ready(flow) == ("True", "Deployed")
            assert [p["sha256"] for p in flow["status"]["packages"]] == [package.sha256]

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
        assert ready(await rig.look(await rig.deploy(package, serviceAccountName="etl"))) == ("False", "UnknownSlug")
        agreed = {"serviceAccountName": "etl", "packagesFrom": ["team-a"]}
        flow = await rig.look(await rig.deploy(package, **agreed))
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

        cluster, uid = FlowCluster(rig.admin), flow["metadata"]["uid"]
        present = await cluster.present_revision(key, uid)
        assert present
        await cluster.start_run(run_of(flow, present, "from the API", {}))
        await operator.reconcile(key)
        runs = await cluster.runs(key, uid)
        assert [r.token for r in runs if r.live] == ["from the API"]

    run(kubeconfig, objects, test)


def alive(obj: Json) -> bool:
    return "deletionTimestamp" not in obj["metadata"]
