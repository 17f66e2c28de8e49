"""What is asked, and how answers of pods and API servers are read: whatever they are, they are facts or unknown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dagy.core.doctor import questions
from dagy.core.doctor.facts import Certificate, Index, Probe, ProbeResult, Right, Storage, Unknown
from tests.rights import MANIFESTS

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
DENIED = (
    'admission webhook "pods.dagy.io" denied the request: No package that namespace x may use has the slug DOCTOR00.'
)
AWAY = 'admission webhook "pods.dagy.io" denied the request: Packages can\'t be attached now. S3 is away.'
DEAD = 'Internal error occurred: failed calling webhook "pods.dagy.io": failed to call webhook: Post "https://...": EOF'


SELECTOR = MANIFESTS.parent / "components/namespace-selector/rbac.yaml"


def allowed(account: str, *more: Path) -> list[tuple[str, str, str]]:
    """Verb, group and resource of all that the manifests let a service account do, with those of components."""
    files = [MANIFESTS / f"{name}.yaml" for name in ("rbac", "api-rbac", "api", "webhook-server")]
    objects = [one for file in (*files, *more) for one in yaml.safe_load_all(file.read_text()) if one]
    subjects = {"kind": "ServiceAccount", "name": account, "namespace": "dagy-system"}
    roles = {one["roleRef"]["name"] for one in objects if subjects in (one.get("subjects") or [])}
    return [
        (verb, group, resource)
        for one in objects
        if one["kind"] in ("Role", "ClusterRole") and one["metadata"]["name"] in roles
        for rule in one["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    ]


@pytest.mark.parametrize("right", questions.needed_rights((), "dagy-builds"), ids=str)
def test_nothing_is_asked_for_that_the_manifests_do_not_give(right: Right) -> None:
    assert (right.verb, right.group, right.resource) in allowed(right.account)


def test_where_labels_choose_namespaces_their_component_gives_the_rights() -> None:
    added = set(questions.needed_rights((), "builds", by_label=True)) - set(questions.needed_rights((), "builds"))
    assert {right.verb for right in added} == {"list", "watch"}
    for right in added:
        assert (right.verb, right.group, right.resource) in allowed(right.account, SELECTOR)
        assert (right.verb, right.group, right.resource) not in allowed(right.account)


def test_where_namespaces_are_served_one_by_one_rights_are_asked_for_there() -> None:
    rights = questions.needed_rights(("team-a", "team-b"), "builds")
    kinds = {right.namespace for right in rights if right.resource == "deppackages"}
    assert kinds == {"team-a", "team-b"}
    review = questions.review_of(Right("dagy-operator", "get", "", "pods/log", "builds"))
    attributes = {"verb": "get", "group": "", "resource": "pods", "subresource": "log", "namespace": "builds"}
    assert review["spec"]["resourceAttributes"] == attributes
    assert review["spec"]["user"] == "system:serviceaccount:dagy-system:dagy-operator"


@pytest.mark.parametrize(
    ("status", "said", "probe"),
    [(403, DENIED, Probe.REFUSED), (503, AWAY, Probe.UNAVAILABLE), (500, DEAD, Probe.UNREACHABLE)],
)
def test_the_api_servers_words_tell_how_the_webhook_is(status: int, said: str, probe: Probe) -> None:
    found = questions.probe_result(status, said)
    assert isinstance(found, ProbeResult)
    assert found.probe is probe


@pytest.mark.parametrize(
    ("status", "said"),
    [(403, 'pods is forbidden: User "x" cannot create'), (404, "namespaces not found"), (422, "quota")],
)
def test_a_refusal_by_somebody_else_tells_nothing_of_it(status: int, said: str) -> None:
    assert isinstance(questions.probe_result(status, said), Unknown)


def test_what_a_pod_tells_becomes_facts() -> None:
    told = {
        "storage": {"bucket": "b", "error": "", "conditional": True},
        "clock": 1,
        "walls": False,
        "index": {"url": "u", "error": "e"},
    }
    assert questions.storage_in(told) == Storage("b", "", conditional=True)
    assert questions.clock_in(told) == 1.0
    assert questions.walls_in(told) is False
    assert questions.index_in(told) == Index("u", "e")
    assert questions.index_in({"index": None}) is None
    found = questions.certificate_in("dagy-api", {"certificate": "2027-02-01T00:00:00Z"})
    assert isinstance(found, Certificate)
    assert found.ends.year == 2027


@given(st.dictionaries(st.sampled_from(["storage", "clock", "walls", "index", "certificate"]), JSON))
def test_whatever_a_pod_tells_it_is_a_fact_or_unknown(told: dict[str, Any]) -> None:
    assert isinstance(questions.storage_in(told), Storage | Unknown)
    assert isinstance(questions.clock_in(told), float | Unknown)
    assert isinstance(questions.walls_in(told), bool | Unknown)
    assert isinstance(questions.index_in(told), Index | Unknown | None)
    assert isinstance(questions.certificate_in("x", told), Certificate | Unknown)
