"""Flow deployments as pure functions: what makes a revision, what is done when, what a run is made of."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core import flow_states
from dagy.core.attach import Attachment, Candidate, Pinned
from dagy.core.attach_refusal import not_completed
from dagy.core.flow_artifact import deletable, own_key
from dagy.core.flow_facts import RunFact, holds, runs_of, surplus_runs
from dagy.core.flow_jobs import run_manifest, run_name
from dagy.core.flow_plan import FlowPlan, FlowSettings, flow_plan_of, request_for, revision_of
from dagy.core.flow_reasons import FlowRefusal, used_by
from dagy.core.flow_revisions import KeptRevision, revision_object, revisions_in, surplus
from dagy.core.flow_rollback import rollback_patch
from dagy.core.flow_states import (
    Deployed,
    Refused,
    Seen,
    ToDeploy,
    flow_actions,
    flow_state_of,
    pinned_packages,
    refused_by,
)
from dagy.core.flow_status import flow_status_of
from dagy.core.plan import Key
from dagy.model.flowdeployment import FlowDeploymentSpec, FlowSource
from dagy.model.flowstatus import FlowDeploymentStatus, Run, RunPhase
from dagy.model.status import ArtifactStatus, Condition, DepPackageStatus, Phase

SETTINGS = FlowSettings("docker.io/library/python:{python}-slim", {"cpu": "100m"})
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SLUG = "A1B2C3D4"


def deployment(
    status: dict[str, Any] | None = None, annotations: dict[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    base = {
        "artifact": {"uri": "s3://dagy/team-a/flows/etl/1.zip", "sha256": "1" * 64, "sizeBytes": 10},
        "flowName": "daily_etl", "flowVersion": "1", "depPackageSlugs": [SLUG],
    }  # fmt: skip
    metadata = {"namespace": "team-a", "name": "etl", "uid": "12345678-uid", "generation": 1, "resourceVersion": "7"}
    found = {"metadata": {**metadata, "annotations": annotations or {}}, "spec": {**base, **spec}}
    return {**found, "status": status} if status else found


def artifact(sha: str = "a" * 64, python: str = "3.12") -> ArtifactStatus:
    return ArtifactStatus(
        uri=f"s3://dagy/team-a/{SLUG}/{sha[:4]}.zip", sha256=sha, content_sha256="c" * 64, size_bytes=5, uncompressed_bytes=9,
        file_count=1, package_count=1, python_version=python, architecture="amd64", glibc="2.28", zip_importable=True,
        lock_hash="d" * 64, lock_uri="s3://dagy/lock", built_at="2026-11-21T11:00:00Z",
    )  # fmt: skip


def attached(sha: str = "a" * 64) -> Attachment:
    return Attachment((Pinned(SLUG, Key("team-a", "ml"), artifact(sha)),))


def kept(plan: FlowPlan, number: int = 1, sha: str = "a" * 64, token: str = "") -> KeptRevision:
    revision = revision_of(plan, number, pinned_packages(attached(sha)), "2026-11-21T12:00:00Z", SETTINGS)
    return KeptRevision(f"etl-{number}", revision, token)


def act(obj: dict[str, Any], seen: Seen) -> tuple[flow_states.FlowState, tuple[flow_states.FlowAction, ...]]:
    plan = flow_plan_of(obj)
    state = flow_state_of(plan, seen)
    return state, flow_actions(plan, seen, state, obj, SETTINGS)


def test_the_first_revision() -> None:
    state, actions = act(deployment(), Seen(judged=attached()))
    assert isinstance(state, ToDeploy)
    assert [type(a) for a in actions] == [flow_states.CreateRevision]


CHANGES = [
    ("flowVersion", {"flowVersion": "2"}, True),
    ("artifact", {"artifact": {"uri": "s3://dagy/team-a/flows/etl/2.zip", "sha256": "2" * 64, "sizeBytes": 10}}, True),
    ("packages", {"depPackageSlugs": []}, True),
    ("image", {"image": "python:3.12"}, True),
    ("env", {"env": [{"name": "A", "value": "1"}]}, True),
    ("retries", {"retries": 1}, True),
    ("schedule", {"schedule": "0 3 * * *"}, False),
    ("suspend", {"suspend": True}, False),
    ("limits", {"revisionHistoryLimit": 1, "runHistoryLimit": 1}, False),
    ("deletionPolicy", {"deletionPolicy": "Retain"}, False),
]


@pytest.mark.parametrize(("change", "new"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_what_makes_a_new_revision(change: dict[str, Any], new: bool) -> None:
    present = kept(flow_plan_of(deployment()))
    state, _ = act(deployment(**change), Seen(revisions=(present,), judged=attached()))
    assert isinstance(state, ToDeploy) == new


@pytest.mark.parametrize(
    ("annotation", "present_token", "handled", "sha", "new"),
    [
        ("1", "", "", "b" * 64, True),
        ("1", "1", "", "b" * 64, False),
        ("1", "", "1", "b" * 64, False),
        ("1", "", "", "a" * 64, False),
        ("2", "1", "1", "b" * 64, True),
        ("", "1", "1", "b" * 64, False),
    ],
)  # fmt: skip
def test_a_refresh_pins_anew_once(annotation: str, present_token: str, handled: str, sha: str, new: bool) -> None:
    obj = deployment(annotations={"dagy.io/refresh": annotation} if annotation else {})
    present = kept(flow_plan_of(obj), token=present_token)
    state, _ = act(obj, Seen(revisions=(present,), judged=attached(sha), handled_refresh=handled))
    assert isinstance(state, ToDeploy) == new


def test_what_is_pinned_is_asked_for_by_its_hash() -> None:
    plan = flow_plan_of(deployment(depPackageSlugs=[SLUG, f"X9Y8Z7W6@{'9' * 64}"]))
    asked = [(w.slug, w.sha256) for w in request_for(plan, None).wanted]
    assert asked == [(SLUG, None), ("X9Y8Z7W6", "9" * 64)]
    again = request_for(plan, kept(plan, sha="b" * 64).revision)
    assert [(w.slug, w.sha256) for w in again.wanted] == [(SLUG, "b" * 64)]


@pytest.mark.parametrize(
    ("spec", "image", "python"),
    [
        ({}, "docker.io/library/python:3.12-slim", "3.12"),
        ({"pythonVersion": "3.12"}, "docker.io/library/python:3.12-slim", "3.12"),
        ({"image": "example.com/etl:1"}, "example.com/etl:1", "3.12"),
        ({"depPackageSlugs": [], "pythonVersion": "3.10"}, "docker.io/library/python:3.10-slim", "3.10"),
    ],
)
def test_the_image_follows_the_python_of_the_packages(spec: dict[str, Any], image: str, python: str) -> None:
    plan = flow_plan_of(deployment(**spec))
    packages = pinned_packages(attached()) if plan.source.dep_package_slugs else ()
    revision = revision_of(plan, 1, packages, "2026-11-21T12:00:00Z", SETTINGS)
    assert (revision.image, revision.python_version) == (image, python)


def test_without_any_python_the_newest_is_taken() -> None:
    revision = revision_of(flow_plan_of(deployment(depPackageSlugs=[])), 1, (), "2026-11-21T12:00:00Z", SETTINGS)
    assert (revision.image, revision.python_version) == ("docker.io/library/python:3.13-slim", "3.13")


def under_way(phase: Phase, settled: str) -> Candidate:
    condition = Condition(type="Settled", status=settled, reason="X", last_transition_time="2026-11-21T12:00:00Z")  # type: ignore[arg-type]
    return Candidate(SLUG, Key("team-a", "ml"), DepPackageStatus(phase=phase, conditions=[condition]))


@pytest.mark.parametrize(
    ("phase", "settled", "waiting"),
    [(Phase.INSTALLING, "False", True), (Phase.FAILED, "True", False), (Phase.VALID, "True", False)],
)
def test_only_what_is_under_way_is_waited_for(phase: Phase, settled: str, waiting: bool) -> None:
    refusal = refused_by(not_completed("team-a/ml", "wait", phase, ""), {SLUG: under_way(phase, settled)})
    assert refusal.waiting is waiting


def conditions(obj: dict[str, Any], seen: Seen) -> tuple[set[str], str]:
    plan = flow_plan_of(obj)
    status = flow_status_of(plan, seen, flow_state_of(plan, seen), FlowDeploymentStatus(), NOW)
    return {c.type for c in status.conditions if c.status == "True"}, status.message


def test_conditions() -> None:
    obj = deployment()
    plan = flow_plan_of(obj)
    assert conditions(obj, Seen(revisions=(kept(plan),), judged=attached()))[0] == {"Ready", "Settled"}
    no = FlowRefusal("UnknownSlug", "No such package.")
    newer = deployment(flowVersion="2")
    assert conditions(newer, Seen(revisions=(kept(plan),), judged=no)) == (
        {"Stalled", "Settled"}, "No such package. Revision 1 (version 1) stays deployed.",
    )  # fmt: skip
    assert conditions(obj, Seen(revisions=(kept(plan),), judged=no)) == ({"Stalled", "Settled"}, "No such package.")
    assert conditions(obj, Seen(judged=replace(no, waiting=True)))[0] == {"Reconciling"}


def test_a_run_manifest_is_restricted_and_pinned() -> None:
    obj = deployment(
        env=[{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}, {"name": "HOME", "value": "/data"}],
        retries=2, timeoutSeconds=60,
    )  # fmt: skip
    plan = flow_plan_of(obj)
    seen = Seen(revisions=(kept(plan, 3),), judged=attached())
    obj["status"] = flow_status_of(plan, seen, flow_state_of(plan, seen), FlowDeploymentStatus(), NOW).to_json()
    job = run_manifest(obj, "t1", SETTINGS.requests)
    assert isinstance(job, dict)
    assert job["metadata"]["name"] == run_name("etl", "12345678-uid", "t1")
    assert job["metadata"]["annotations"] == {"dagy.io/run": "t1"}
    pod = job["spec"]["template"]
    assert (job["spec"]["backoffLimit"], pod["spec"]["activeDeadlineSeconds"]) == (2, 60)
    flow = {"deployment": "etl", "sha256": "1" * 64, "sizeBytes": 10}
    assert json.loads(pod["metadata"]["annotations"]["dagy.io/flow-artifact"]) == flow
    assert pod["metadata"]["annotations"]["dagy.io/dep-packages"] == f"{SLUG}@{'a' * 64}"
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["spec"]["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    env = {variable["name"]: variable for variable in container["env"]}
    assert len(env) == len(container["env"])
    assert env["HOME"]["value"] == "/data"
    assert env["TOKEN"]["valueFrom"] == {"secretKeyRef": {"name": "s", "key": "k"}}
    assert env["DAGY_REVISION"]["value"] == "3"


def test_nothing_to_run_before_something_is_deployed() -> None:
    refusal = run_manifest(deployment({"message": "No such package."}), "t1")
    assert refusal == FlowRefusal("NotDeployed", "Flow deployment team-a/etl has nothing to run yet: No such package.")


def test_a_rollback_restores_every_field_and_names_the_artifacts() -> None:
    first = deployment(args=["--full"])
    seen = Seen(revisions=(kept(flow_plan_of(first)),), judged=attached())
    plan = flow_plan_of(first)
    status = flow_status_of(plan, seen, flow_state_of(plan, seen), FlowDeploymentStatus(), NOW).to_json()
    later = deployment(status, image="x", env=[{"name": "A", "value": "1"}], schedule="0 3 * * *", flowVersion="2")
    patch = rollback_patch(later, 1)
    assert isinstance(patch, dict)
    assert patch["metadata"] == {"resourceVersion": "7"}
    merged = {k: v for k, v in {**later["spec"], **patch["spec"]}.items() if v is not None}
    rolled = FlowDeploymentSpec.model_validate(merged)
    assert rolled.schedule == "0 3 * * *"
    assert rolled.dep_package_slugs == [f"{SLUG}@{'a' * 64}"]
    back = flow_plan_of({**later, "spec": merged}).source
    assert back.model_copy(update={"dep_package_slugs": [SLUG]}) == plan.source


@pytest.mark.parametrize(
    ("uri", "mine"),
    [
        ("s3://dagy/x/team-a/flows/etl/1.zip", True),
        ("s3://dagy/x/team-a/flows/other/1.zip", True),
        ("s3://dagy/x/team-b/flows/etl/1.zip", False),
        ("s3://dagy/x/team-a/A1B2C3D4/1.zip", False),
        ("s3://dagy/x/team-a/flows/../A1B2C3D4/1.zip", False),
        ("s3://dagy/x/team-a/flows/", False),
        ("s3://elsewhere/x/team-a/flows/etl/1.zip", False),
        ("s3://dagy/team-a/flows/etl/1.zip", False),
    ],
)
def test_only_uploads_of_the_own_namespace_are_taken(uri: str, mine: bool) -> None:
    assert (own_key(uri, "dagy", "x", "team-a") is not None) is mine


@given(
    released=st.sets(st.sampled_from(["a/1", "a/2", "b/1", "c/1"])),
    used=st.sets(st.sampled_from(["a/1", "b/1", "c/1"])),
    living=st.sets(st.sampled_from(["a", "b", "c"])),
)
def test_nothing_that_is_used_or_somebody_elses_is_deleted(
    released: set[str], used: set[str], living: set[str]
) -> None:
    def key(name: str) -> str:
        return f"team-a/flows/{name}"

    gone = set(deletable(map(key, released), map(key, used), living, Key("team-a", "a"), ""))
    assert gone <= {key(r) for r in released}
    assert not gone & {key(u) for u in used}
    assert all(k.split("/")[2] == "a" or k.split("/")[2] not in living for k in gone)
    assert {key(r) for r in released - used if r.startswith("a/")} <= gone


@given(count=st.integers(0, 8), limit=st.integers(0, 5), running=st.sets(st.integers(1, 8)))
def test_the_present_revision_and_what_runs_are_never_forgotten(count: int, limit: int, running: set[int]) -> None:
    plan = flow_plan_of(deployment())
    revisions = tuple(kept(plan, number) for number in range(count, 0, -1))
    old = {r.number for r in surplus(revisions, limit, running)}
    stays = set(range(1, count + 1)) - old
    assert not old & running
    assert stays >= set(range(max(1, count - limit), count + 1))
    assert all(number in running for number in stays if number < count - limit)


def fact(number: int, phase: RunPhase, token: str = "", *, owned: bool = True) -> RunFact:
    return RunFact(Run(job_name=f"r{number}", revision=1, phase=phase), f"2026-11-21T12:00:{number:02}Z", token, owned)


@given(
    runs=st.lists(st.tuples(st.sampled_from(list(RunPhase)), st.booleans()), max_size=8),
    limit=st.integers(0, 4),
    token=st.integers(0, 8),
)
def test_runs_are_bounded_and_the_answer_to_the_present_request_stays(
    runs: list[tuple[RunPhase, bool]], limit: int, token: int
) -> None:
    facts = tuple(fact(n, phase, str(n), owned=owned) for n, (phase, owned) in reversed(list(enumerate(runs))))
    gone = surplus_runs(facts, limit, str(token))
    assert all(run.owned and not run.live and run.token != str(token) for run in gone)
    for phase in (RunPhase.SUCCEEDED, RunPhase.FAILED):
        left = [r for r in facts if r.owned and r.run.phase is phase and r not in gone]
        assert len(left) <= max(limit, 1)


def test_facts_of_jobs() -> None:
    def job(name: str, revision: str = "1", **status: Any) -> dict[str, Any]:
        owner = [{"uid": "u"}]
        return {
            "metadata": {"name": name, "labels": {"dagy.io/revision": revision}, "ownerReferences": owner},
            "status": status,
        }

    done = {"type": "Complete", "status": "True"}
    failed = {"type": "Failed", "status": "True", "lastTransitionTime": "2026-11-21T12:00:00Z"}
    facts = runs_of(
        [job("a"), job("b", active=1), job("c", conditions=[done], completionTime="2026-11-21T12:00:00Z"),
         job("d", conditions=[failed]), job("theirs", revision="x")], "u",
    )  # fmt: skip
    assert {f.run.job_name: f.run.phase for f in facts} == {
        "a": "Pending",
        "b": "Running",
        "c": "Succeeded",
        "d": "Failed",
    }
    assert all(f.owned for f in facts)
    assert not runs_of([job("a")], "another")[0].owned


def test_what_the_api_server_adds_is_no_difference() -> None:
    wanted = {"a": {"b": [1, {"c": 2}]}}
    assert holds(wanted, {"a": {"b": [1, {"c": 2, "default": True}], "more": 1}})
    assert not holds(wanted, {"a": {"b": [1, {"c": 3}]}})
    assert not holds(wanted, {"a": {"b": [1, {"c": 2}, 3]}})
    assert not holds(wanted, {})


def test_a_revision_comes_back_from_its_object() -> None:
    obj = deployment(env=[{"name": "A", "value": "1"}])
    plan = flow_plan_of(obj)
    made = kept(plan, 4, token="t")
    stored = revision_object(obj, made.revision, "t")
    stored = json.loads(json.dumps(stored))
    assert revisions_in([stored], "12345678-uid") == (replace(made, name=stored["metadata"]["name"]),)
    assert stored["metadata"]["labels"][f"uses.dagy.io/{SLUG}"] == ""
    assert revisions_in([stored], "another") == ()
    assert revisions_in([{**stored, "data": {"revision": 3}}], "12345678-uid") == ()


def test_the_source_is_the_spec_without_what_makes_no_revision() -> None:
    assert set(FlowDeploymentSpec.model_fields) - set(FlowSource.model_fields) == {
        "schedule", "time_zone", "concurrency_policy", "suspend", "revision_history_limit", "run_history_limit",
        "deletion_policy",
    }  # fmt: skip


def test_many_users_are_counted() -> None:
    assert "a/1, a/2, a/3, a/4, a/5 and 2 more." in used_by([f"a/{n}" for n in range(1, 8)])


def test_every_state_has_actions() -> None:
    plan, obj = flow_plan_of(deployment(schedule="0 3 * * *")), deployment(schedule="0 3 * * *")
    seen = Seen(revisions=(kept(plan),), judged=attached())
    for state in (Deployed(kept(plan)), Refused(FlowRefusal("X", "x"))):
        (apply,) = flow_actions(plan, seen, state, obj, SETTINGS)
        assert isinstance(apply, flow_states.ApplyCronJob)
        found = {**apply.manifest, "extra": 1}
        assert flow_actions(plan, replace(seen, cron_job=found), state, obj, SETTINGS) == ()
