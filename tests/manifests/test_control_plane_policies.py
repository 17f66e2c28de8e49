"""What DAGY's own service accounts may not do, although RBAC can't say it: asked of a real API server, in their names."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from dagy.adapters.settings.operator import Settings
from dagy.core.flows.jobs import cron_job, run_of
from dagy.core.flows.plan import flow_plan_of
from dagy.core.flows.revisions import revision_object
from dagy.core.jobs.manifests import index_secret, input_config_map, job_manifest
from dagy.core.package.decide import StartJob
from dagy.core.package.observed import IndexAccess
from dagy.model.status import JobKind
from tests.fakes.facts import SLUG, plan
from tests.fakes.flows import SETTINGS, deployment, kept
from tests.manifests.conftest import Account, Json

pytestmark = pytest.mark.apiserver

WHICH = StartJob(JobKind.BUILD, SLUG, "0123456789abcdef", 1)
JOBS = Settings(
    s3_bucket="artifacts", builder_image="builder:1", cache_claim="wheels", index_secrets="mirror", proxy_secret="proxy"
).job_settings()
FLOW = flow_plan_of(deployment())
REVISION = kept(FLOW).revision
RUN = run_of(deployment(), REVISION, "token", {"cpu": "100m"})
SCHEDULE = cron_job(
    deployment(schedule="0 6 * * *"), flow_plan_of(deployment(schedule="0 6 * * *")), REVISION, SETTINGS
)
KEPT = revision_object(deployment(), REVISION, "")
BUILD = job_manifest(plan(), WHICH, JOBS)
POD: Json = {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}}}


def with_(manifest: Json, path: str, value: Any) -> Json:
    """A copy with another value at a path such as `spec.template.spec.hostNetwork`; numbers are positions in lists."""
    changed = copy.deepcopy(manifest)
    *parents, last = path.split(".")
    where: Any = changed
    for part in parents:
        where = where[int(part)] if part.isdigit() else where.setdefault(part, {})
    where[int(last) if last.isdigit() else last] = value
    return changed


def in_namespace(manifest: Json, namespace: str) -> Json:
    return with_(manifest, "metadata.namespace", namespace)


def not_owned(manifest: Json) -> Json:
    return with_(manifest, "metadata.ownerReferences", [])


def with_volume(manifest: Json, volume: Json) -> Json:
    path = f"{_RUN_POD}.volumes"
    return with_(manifest, path, [*manifest["spec"]["template"]["spec"]["volumes"], volume])


_RUN_POD, _JOB_POD = "spec.template.spec", "spec.jobTemplate.spec.template.spec"
MADE = [
    RUN,
    with_(SCHEDULE, "metadata.name", "nightly"),
    KEPT,
    BUILD,
    job_manifest(plan(), StartJob(JobKind.VALIDATE, SLUG, "0123456789abcdef", 1), JOBS),
    job_manifest(plan(sourceDistributions="Allow"), WHICH, JOBS),
    input_config_map(plan(), WHICH, "uid", JOBS, {"request.json": "{}"}),
    index_secret(plan(), WHICH, "uid", JOBS, IndexAccess()),
]


@pytest.mark.parametrize("manifest", MADE, ids=[f"{n}-{m['kind']}" for n, m in enumerate(MADE)])
def test_what_the_operator_makes_is_allowed(operator: Account, manifest: Json) -> None:
    assert not operator.create(manifest).startswith("refused")


_NOWHERE, _OWNED = "No flow runs in a namespace kube-* or dagy-*", "only what a flow deployment owns"
_NODE, _FORM = "must not share the node's namespaces", "starts the Jobs of packages and nothing else"
_TOKEN, _SECRETS = "no token of the cluster", "Only the containers upload and index of a build see Secrets"
HOST_PATH = {"name": "node", "hostPath": {"path": "/"}}
PROJECTED = {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}
SECRET = {"name": "X", "valueFrom": {"secretKeyRef": {"name": "dagy-s3", "key": "AWS_SECRET_ACCESS_KEY"}}}
OTHERS_OWN = [{"apiVersion": "apps/v1", "kind": "FlowDeployment", "name": "x", "uid": "1", "controller": True}]
REFUSED = {
    "a run in kube-system": (in_namespace(RUN, "kube-system"), _NOWHERE),
    "a run beside the control plane": (in_namespace(RUN, "dagy-system"), _NOWHERE),
    "a schedule in kube-system": (in_namespace(SCHEDULE, "kube-system"), _NOWHERE),
    "a revision in kube-system": (in_namespace(KEPT, "kube-system"), _NOWHERE),
    "a run that nothing owns": (not_owned(RUN), _OWNED),
    "a schedule that nothing owns": (not_owned(SCHEDULE), _OWNED),
    "a revision of nothing": (not_owned(KEPT), _OWNED),
    "a run of another group's FlowDeployment": (with_(RUN, "metadata.ownerReferences", OTHERS_OWN), _OWNED),
    "a run in the node's network": (with_(RUN, f"{_RUN_POD}.hostNetwork", True), _NODE),
    "a run with the node's disk": (with_volume(RUN, HOST_PATH), _NODE),
    "a run as root": (with_(RUN, f"{_RUN_POD}.containers.0.securityContext.runAsUser", 0), _NODE),
    "a schedule that gains privileges": (with_(SCHEDULE, f"{_JOB_POD}.containers.0.securityContext", {}), _NODE),
    "a schedule that may be root": (with_(SCHEDULE, f"{_JOB_POD}.securityContext", {}), _NODE),
    "any Job beside the builds": (with_(BUILD, "metadata.labels", {"x": "y"}), _FORM),
    "a build's other container": (with_(BUILD, f"{_RUN_POD}.containers.0.name", "shell"), _FORM),
    "a build of no package": (with_(BUILD, "metadata.annotations", {}), _FORM),
    "a build with a token": (with_(BUILD, f"{_RUN_POD}.automountServiceAccountToken", True), _TOKEN),
    "a build with a projected token": (with_volume(BUILD, PROJECTED), _TOKEN),
    "a build with the node's disk": (with_volume(BUILD, HOST_PATH), _TOKEN),
    "S3 credentials in install": (with_(BUILD, f"{_RUN_POD}.containers.0.env", [SECRET]), _SECRETS),
    "all of them": (with_(BUILD, f"{_RUN_POD}.containers.0.envFrom", [{"secretRef": {"name": "dagy-s3"}}]), _SECRETS),
    "a ConfigMap of no Job": (not_owned(MADE[-2]), "only what one of its Jobs owns"),
    "a Secret of no Job": (not_owned(MADE[-1]), "only what one of its Jobs owns"),
    "a Secret that is a token": (
        with_(with_(MADE[-1], "type", "kubernetes.io/service-account-token"), "metadata.annotations", {"kubernetes.io/service-account.name": "dagy-builder"}),
        "types dagy.io/*",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_it_must_not_make_is_refused(operator: Account, what: str) -> None:
    manifest, words = REFUSED[what]
    assert words in operator.create(manifest)


def test_what_others_own_is_not_deleted(operator: Account, make: Callable[[Json], str]) -> None:
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "others", "namespace": "team-a"}, "spec": POD}
    labelled = with_(job, "metadata.labels", {"dagy.io/flow-deployment": "etl"})
    daemon = {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": {"name": "d", "namespace": "team-a"}}
    assert _OWNED in operator.delete("job", make(job), "team-a")
    assert _OWNED in operator.delete("job", make(labelled), "team-a")
    assert _OWNED in operator.delete("controllerrevision", make({**daemon, "revision": 1, "data": {}}), "team-a")
    assert _OWNED in operator.delete("cronjob", make(not_owned(SCHEDULE)), "team-a")
    assert _NOWHERE in operator.delete("job", make(in_namespace(labelled, "kube-system")), "kube-system")
    for manifest in (RUN, SCHEDULE, KEPT):  # its own
        assert not operator.delete(manifest["kind"], make(manifest), "team-a").startswith("refused")


def test_runs_of_the_schedule_that_ends_are_taken_over_and_no_others(
    operator: Account, make: Callable[[Json], str]
) -> None:
    schedule = {"apiVersion": "batch/v1", "kind": "CronJob", "name": "etl", "uid": "1", "controller": True}
    labels, owned = {"dagy.io/flow-deployment": "etl"}, RUN["metadata"]["ownerReferences"]
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "scheduled", "namespace": "team-a"},
        "spec": RUN["spec"],
    }
    ours = with_(with_(job, "metadata.labels", labels), "metadata.ownerReferences", [schedule])
    take = {"metadata": {"ownerReferences": owned}}
    assert owned[0]["name"] == "etl"
    theirs = with_(ours, "metadata.ownerReferences", [{**schedule, "name": "theirs"}])
    assert _OWNED in operator.patch("job", make(theirs), "team-a", take)
    assert _OWNED in operator.patch("job", make(with_(ours, "metadata.labels", {"x": "y"})), "team-a", take)
    assert _OWNED in operator.patch("job", make(ours), "team-a", {**take, "spec": {"suspend": True}})
    assert _OWNED in operator.patch(
        "job", make(ours), "team-a", {"metadata": {"ownerReferences": [{**owned[0], "name": "x"}]}}
    )
    assert not operator.patch("job", make(ours), "team-a", take).startswith("refused")


def test_others_schedule_is_not_taken_over(operator: Account, make: Callable[[Json], str]) -> None:
    theirs = make(not_owned(SCHEDULE))
    owners = SCHEDULE["metadata"]["ownerReferences"]
    assert _OWNED in operator.patch("cronjob", theirs, "team-a", {"metadata": {"ownerReferences": owners}})
    assert not operator.patch("cronjob", make(SCHEDULE), "team-a", {"spec": {"suspend": True}}).startswith("refused")


def test_a_builds_marks_may_change_and_its_form_not(operator: Account, make: Callable[[Json], str]) -> None:
    job = make(BUILD)
    marks = {"metadata": {"annotations": {"dagy.io/failure": "{}"}}, "spec": {"suspend": True}}
    assert not operator.patch("job", job, "dagy-builds", marks).startswith("refused")
    assert _FORM in operator.patch(
        "job", job, "dagy-builds", {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}
    )


def test_the_administrators_secrets_stay(operator: Account, make: Callable[[Json], str]) -> None:
    given = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3", "namespace": "dagy-builds"}}
    assert "only what one of its Jobs owns" in operator.delete("secret", make(given), "dagy-builds")
    assert not operator.delete("secret", make(MADE[-1]), "dagy-builds").startswith("refused")


PACKAGE = {
    "apiVersion": "dagy.io/v1",
    "kind": "DepPackage",
    "metadata": {"name": "p", "namespace": "team-a", "labels": {"team": "a"}, "annotations": {"dagy.io/build": "1"}},
    "spec": {"pythonVersion": "3.12", "dependencies": ["idna"]},
}
THEIRS = {
    "the list": ({"spec": {"dependencies": ["idna", "evil"]}}, "never changes a spec"),
    "what happens at the end": ({"spec": {"deletionPolicy": "Retain"}}, "never changes a spec"),
    "a request": ({"metadata": {"annotations": {"dagy.io/build": "2"}}}, "labels and finalizers"),
    "a label": ({"metadata": {"labels": {"team": "b"}}}, "Of the labels, DAGY writes dagy.io/slug"),
    "the lack of a label": ({"metadata": {"labels": {"team": None}}}, "Of the labels, DAGY writes dagy.io/slug"),
}


@pytest.mark.parametrize("what", THEIRS)
def test_a_package_is_its_users(operator: Account, make: Callable[[Json], str], what: str) -> None:
    patch, words = THEIRS[what]
    assert words in operator.patch("deppackage", make(PACKAGE), "team-a", patch)


def test_the_slugs_label_and_the_finalizer_are_the_operators(operator: Account, make: Callable[[Json], str]) -> None:
    name = make(PACKAGE)
    ours = {"metadata": {"labels": {"dagy.io/slug": "A1B2C3D4"}, "finalizers": ["dagy.io/artifacts"]}}
    assert not operator.patch("deppackage", name, "team-a", ours).startswith("refused")


WEBHOOK = "/webhooks/0"
KINDS = ("mutatingwebhookconfiguration", "validatingwebhookconfiguration")
WEBHOOK_CHANGES = {
    "which requests": [{"op": "replace", "path": f"{WEBHOOK}/rules/0/resources", "value": ["*"]}],
    "which namespaces": [{"op": "remove", "path": f"{WEBHOOK}/namespaceSelector"}],
    "on what condition": [{"op": "remove", "path": f"{WEBHOOK}/matchConditions"}],
    "to whom": [{"op": "replace", "path": f"{WEBHOOK}/clientConfig/service/name", "value": "evil"}],
    "which path": [{"op": "replace", "path": f"{WEBHOOK}/clientConfig/service/path", "value": "/evil"}],
    "how long": [{"op": "replace", "path": f"{WEBHOOK}/timeoutSeconds", "value": 30}],
    "one more": [{"op": "copy", "from": WEBHOOK, "path": "/webhooks/-"}, {"op": "replace", "path": "/webhooks/1/name", "value": "x.dagy.io"}],
    "one less": [{"op": "remove", "path": WEBHOOK}],
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_of_a_webhook_configuration_only_the_authority_changes(keeper: Account, kind: str) -> None:
    authority = [{"op": "add", "path": f"{WEBHOOK}/clientConfig/caBundle", "value": "bm9uZQ=="}]
    for patch in WEBHOOK_CHANGES.values():
        assert "writes caBundle and nothing else" in keeper.patch(kind, "dagy-attach", "", patch)
    assert "writes caBundle" not in keeper.patch(kind, "dagy-attach", "", authority)


def test_policies_are_for_the_control_plane_alone(admin: Account, make: Callable[[Json], str]) -> None:
    """Users and controllers go on as ever; and who could change a policy is not bound by it anyway."""
    for manifest in (
        not_owned(RUN),
        in_namespace(not_owned(SCHEDULE), "kube-system"),
        with_(BUILD, "metadata.labels", {"x": "y"}),
    ):
        assert not admin.create(manifest).startswith("refused")
    assert not admin.patch("deppackage", make(PACKAGE), "team-a", THEIRS["the list"][0]).startswith("refused")


def test_no_account_may_change_a_policy(operator: Account, keeper: Account) -> None:
    for account in (operator, keeper):
        for kind in ("validatingadmissionpolicy", "validatingadmissionpolicybinding"):
            assert "cannot delete resource" in account.delete(kind, "dagy-runs", "")
