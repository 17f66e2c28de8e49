"""Revisions of flow deployments: what makes one, what it pins, which are kept, and the way back to one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagy.core import flow_states
from dagy.core.flow_plan import flow_plan_of, request_for, revision_of
from dagy.core.flow_revisions import revision_object, revisions_in, surplus
from dagy.core.flow_rollback import rollback_patch
from dagy.core.flow_states import Seen, ToDeploy, flow_state_of, pinned_packages
from dagy.core.flow_status import flow_status_of
from dagy.model.flowdeployment import FlowDeploymentSpec, FlowSource
from dagy.model.flowstatus import FlowDeploymentStatus
from tests.core.flows import NOW, SETTINGS, SLUG, act, attached, deployment, kept


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


@given(count=st.integers(0, 8), limit=st.integers(0, 5), running=st.sets(st.integers(1, 8)))
def test_the_present_revision_and_what_runs_are_never_forgotten(count: int, limit: int, running: set[int]) -> None:
    plan = flow_plan_of(deployment())
    revisions = tuple(kept(plan, number) for number in range(count, 0, -1))
    old = {r.number for r in surplus(revisions, limit, running)}
    stays = set(range(1, count + 1)) - old
    assert not old & running
    assert stays >= set(range(max(1, count - limit), count + 1))
    assert all(number in running for number in stays if number < count - limit)
