"""Revisions of flow deployments: what makes one, what it pins, which are kept, and the way back to one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagy.core.flows import states as flow_states
from dagy.core.flows.plan import flow_plan_of, flow_status_in, request_for, revision_of, stored_bytes
from dagy.core.flows.revisions import (
    Pin,
    counted,
    number_in,
    pins_in,
    revision_object,
    revisions_in,
    rollback_patch,
    surplus,
)
from dagy.core.flows.states import Observed, ToDeploy, flow_state_of, pinned_packages
from dagy.core.flows.status import HISTORY_BYTES, flow_status_of
from dagy.model.flowdeployment import FlowDeploymentSpec, FlowSource
from dagy.model.flowstatus import HISTORY_SHOWN, FlowDeploymentStatus
from tests.fakes.flows import NOW, SETTINGS, SLUG, act, attached, deployment, kept


def test_the_first_revision() -> None:
    state, actions = act(deployment(), Observed(attachment=attached()))
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
    state, _ = act(deployment(**change), Observed(revisions=(present,), attachment=attached()))
    assert isinstance(state, ToDeploy) == new


def test_the_source_is_the_spec_without_what_makes_no_revision() -> None:
    assert set(FlowDeploymentSpec.model_fields) - set(FlowSource.model_fields) == {
        "schedule", "time_zone", "concurrency_policy", "suspend", "revision_history_limit", "run_history_limit",
        "deletion_policy",
    }  # fmt: skip


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
    state, _ = act(obj, Observed(revisions=(present,), attachment=attached(sha), handled_refresh=handled))
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


def test_a_revision_comes_back_from_its_object() -> None:
    obj = deployment(env=[{"name": "A", "value": "1"}])
    plan = flow_plan_of(obj)
    made = kept(plan, 4, token="t")
    stored = revision_object(obj, made.revision, "t")
    stored = json.loads(json.dumps(stored))
    assert revisions_in([stored], "12345678-uid") == (replace(made, name=stored["metadata"]["name"]),)
    assert stored["metadata"]["labels"][f"uses.dagy.io/{SLUG}"] == ""
    assert revisions_in([stored], "another") == ()
    assert number_in(stored["metadata"]) == ("12345678-uid", 4)


def other(stored: dict[str, Any], where: str, value: Any) -> dict[str, Any]:
    """A copy with another value there; the path's parts are keys and indexes."""
    stored = json.loads(json.dumps(stored))
    *path, last = (int(part) if part.isdigit() else part for part in where.split("/"))
    at: Any = stored
    for part in path:
        at = at[part]
    at[last] = value
    return stored


FORGED = {
    "no content": ("data", None),
    "content of another kind": ("data", {"revision": 3}),
    "content that is none": ("data/revision/spec/env", "none"),
    "an owner that does not control it": ("metadata/ownerReferences/0/controller", False),
    "an owner of another group": ("metadata/ownerReferences/0/apiVersion", "apps/v1"),
    "an owner of another kind": ("metadata/ownerReferences/0/kind", "StatefulSet"),
    "an owner of another name": ("metadata/ownerReferences/0/name", "etl2"),
    "no owner": ("metadata/ownerReferences", []),
    "another name": ("metadata/name", "etl-12345678-7"),
    "another number in its label": ("metadata/labels/dagy.io~revision", "7"),
    "another number inside": ("data/revision/revision", 7),
    "a package that its spec does not ask for": ("data/revision/spec/depPackageSlugs", ["X9Y8Z7W6"]),
    "more packages than its spec asks for": ("data/revision/spec/depPackageSlugs", []),
    "another artifact than its spec asks for": ("data/revision/spec/depPackageSlugs", [f"{SLUG}@{'b' * 64}"]),
}


@pytest.mark.parametrize("what", FORGED)
def test_what_is_not_as_the_operator_makes_it_counts_for_nothing(what: str) -> None:
    obj = deployment()
    made = json.loads(json.dumps(revision_object(obj, kept(flow_plan_of(obj), 4).revision, "")))
    made["metadata"]["labels"]["dagy.io~revision"] = made["metadata"]["labels"]["dagy.io/revision"]
    assert pins_in([made], SLUG)
    where, value = FORGED[what]
    forged = other(made, where, value)
    forged["metadata"]["labels"]["dagy.io/revision"] = forged["metadata"]["labels"]["dagy.io~revision"]
    assert revisions_in([forged], "12345678-uid") == ()
    assert pins_in([forged], SLUG) == ()


def test_what_a_deployment_pins_is_bounded() -> None:
    pins = [
        Pin("team-a", "etl", uid, n, f"{n:064}", account) for uid in "ab" for account in ("x", "y") for n in range(99)
    ]
    found = counted(pins, {("etl", "a")}, {"x"})
    assert [p.number for p in found] == list(range(98, 38, -1))
    assert {(p.uid, p.service_account) for p in found} == {("a", "x")}
    assert len(counted(pins, {("etl", "a")}, None)) == HISTORY_SHOWN
    assert counted(pins, {("another", "a")}, None) == ()


@given(
    count=st.integers(0, 70),
    env=st.integers(0, 100),
    text=st.sampled_from(["x", "<", "\u00fc", "\U0001f40d"]),
    packages=st.integers(0, 20),
)
@settings(deadline=None, max_examples=30)
def test_status_fits_beside_any_spec(count: int, env: int, text: str, packages: int) -> None:
    obj = deployment(env=[{"name": f"A{n}", "value": text * 1500} for n in range(env)])
    plan = flow_plan_of(obj)
    one = kept(plan)
    many = one.revision.model_copy(update={"packages": one.revision.packages * packages})
    seen = Observed(revisions=tuple(replace(one, revision=many) for _ in range(count)), attachment=attached())
    status = flow_status_of(plan, seen, flow_state_of(plan, seen), FlowDeploymentStatus(), NOW)
    assert stored_bytes(status.to_json()["history"]) <= HISTORY_BYTES
    assert len(status.history) <= HISTORY_SHOWN
    if plan.object_bytes < 1_300_000:
        assert plan.object_bytes + stored_bytes(status.to_json()) <= 1_400_000
        assert len(status.history) >= min(count, 3)
    assert plan.object_bytes >= len(json.dumps(obj, ensure_ascii=False).encode())


def test_a_status_of_before_is_read() -> None:
    """Its revisions held whole specs; whether a run has been started must not be forgotten over that."""
    spec = flow_plan_of(deployment()).source.to_json()
    before = {"revision": 1, "flowVersion": "1", "deployedAt": "2026-11-21T12:00:00Z", "image": "x", "spec": spec}
    assert flow_status_in(deployment({"history": [before], "lastHandledRun": "1"})).last_handled_run == "1"


def test_a_rollback_restores_every_field_and_names_the_artifacts() -> None:
    plan = flow_plan_of(deployment(args=["--full"]))
    later = deployment(image="x", env=[{"name": "A", "value": "1"}], schedule="0 3 * * *", flowVersion="2")
    patch = rollback_patch(later, kept(plan).revision)
    assert patch["metadata"] == {"resourceVersion": "7"}
    merged = {k: v for k, v in {**later["spec"], **patch["spec"]}.items() if v is not None}
    rolled = FlowDeploymentSpec.model_validate(merged)
    assert rolled.schedule == "0 3 * * *"
    assert rolled.dep_package_slugs == [f"{SLUG}@{'a' * 64}"]
    back = flow_plan_of({**later, "spec": merged}).source
    assert back.model_copy(update={"dep_package_slugs": [SLUG]}) == plan.source


@given(count=st.integers(0, 8), limit=st.integers(0, 5), running=st.sets(st.integers(1, 8)))
def test_the_present_revision_and_what_runs_are_never_forgotten(count: int, limit: int, running: set[int]) -> None:
    plan = flow_plan_of(deployment())
    revisions = tuple(kept(plan, number) for number in range(count, 0, -1))
    old = {r.number for r in surplus(revisions, limit, running)}
    stays = set(range(1, count + 1)) - old
    assert not old & running
    assert stays >= set(range(max(1, count - limit), count + 1))
    assert all(number in running for number in stays if number < count - limit)
