"""What facts mean: a sound installation has no problem, and each fault is named with what to do."""

from __future__ import annotations

import copy
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dagy.core.doctor.crds import missing_fields
from dagy.core.doctor.facts import (
    Certificate,
    Facts,
    Index,
    Probe,
    ProbeResult,
    Registry,
    Right,
    Storage,
    Unknown,
    Webhook,
    Workload,
)
from dagy.core.doctor.finding import Check, Finding, Verdict
from dagy.core.doctor.judgements import is_well, judge
from dagy.model.crd import crd_files

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
CRDS: dict[str, Any] = {crd["metadata"]["name"]: crd for crd in crd_files().values()}
NAMES = ("dagy-operator", "dagy-api", "dagy-webhook")
IMAGE = "docker.io/dagy/operator:0.1.0"
SOUND = Facts(
    crds=CRDS,
    workloads={name: Workload(name, 1, 1, (IMAGE,)) for name in NAMES},
    missing_rights=(),
    webhook=Webhook(trusted=True, failure_policy="Fail"),
    probe=ProbeResult(Probe.REFUSED, "No package"),
    certificates=(Certificate("dagy-api", NOW + timedelta(days=80)),),
    storage=Storage("artifacts", conditional=True),
    clock=0.4,
    index=Index("https://pypi.org/simple"),
    registry=Registry("registry.example/dagy", "registry.example/dagy"),
    walls=True,
)


def findings(check: Check, **changed: Any) -> list[Finding]:
    return [finding for finding in judge(replace(SOUND, **changed), CRDS, NOW) if finding.check is check]


def without(path: str) -> dict[str, Any]:
    """DepPackage's CRD, as it was before that field came."""
    earlier = copy.deepcopy(CRDS["deppackages.dagy.io"])
    where = earlier["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    *parents, last = path.split(".")
    for part in parents:
        where = where["properties"][part]
    del where["properties"][last]
    return earlier


def test_a_sound_installation_has_one_good_word_for_each_check() -> None:
    found = judge(SOUND, CRDS, NOW)
    assert [finding.check for finding in found] == list(Check)
    assert {finding.verdict for finding in found} == {Verdict.OK}
    assert is_well(found)


@pytest.mark.parametrize("fact", [field.name for field in fields(Facts)])
def test_what_is_not_known_is_said_and_is_no_problem(fact: str) -> None:
    found = judge(replace(SOUND, **{fact: Unknown("You may not ask.")}), CRDS, NOW)
    (one,) = [finding for finding in found if finding.verdict is not Verdict.OK]
    assert (one.verdict, one.message) == (Verdict.UNKNOWN, "You may not ask.")
    assert is_well(found)


API_DOWN = {"dagy-api": Workload("dagy-api", 2, 0, (IMAGE,))}
FAULTS: list[tuple[Check, dict[str, Any], Verdict, str]] = [
    (Check.CRDS, {"crds": {**CRDS, "slugclaims.dagy.io": None}}, Verdict.PROBLEM, "no CustomResourceDefinition slugclaims"),
    (Check.CRDS, {"crds": {**CRDS, "deppackages.dagy.io": without("spec.build.bytecode")}}, Verdict.PROBLEM, "spec.build.bytecode"),
    (Check.CONTROL_PLANE, {"workloads": {**SOUND.workloads, "dagy-api": None}}, Verdict.PROBLEM, "no Deployment dagy-api"),  # type: ignore[dict-item]
    (Check.CONTROL_PLANE, {"workloads": {**SOUND.workloads, **API_DOWN}}, Verdict.PROBLEM, "0 of 2"),  # type: ignore[dict-item]
    (Check.CONTROL_PLANE, {"workloads": {"dagy-api": Workload("dagy-api", 2, 1, (IMAGE,))}}, Verdict.WARNING, "1 of 2"),
    (
        Check.CONTROL_PLANE,
        {"workloads": {**SOUND.workloads, "dagy-api": Workload("dagy-api", 1, 1, ("x:2",))}},  # type: ignore[dict-item]
        Verdict.WARNING,
        "several images",
    ),
    (
        Check.RIGHTS,
        {"missing_rights": (Right("dagy-operator", "create", "batch", "jobs", "dagy-builds"),)},
        Verdict.PROBLEM,
        "dagy-operator may not create jobs.batch in namespace dagy-builds",
    ),
    (Check.STORAGE, {"storage": Storage("b", "Bucket b does not exist.")}, Verdict.PROBLEM, "Bucket b does not exist."),
    (Check.STORAGE, {"storage": Storage("b", conditional=False)}, Verdict.PROBLEM, "If-None-Match"),
    (Check.INDEX, {"index": Index("u", "The package index at u gives no answer.")}, Verdict.PROBLEM, "no answer"),
    (Check.REGISTRY, {"registry": Registry("a/dagy")}, Verdict.WARNING, "below a/dagy, but the webhook knows no registry"),
    (Check.REGISTRY, {"registry": Registry("", "a/dagy")}, Verdict.WARNING, "below a/dagy, but builds push none"),
    (Check.REGISTRY, {"registry": Registry("a/dagy", "b/dagy")}, Verdict.WARNING, "the webhook looks for them below b/dagy"),
    (Check.WEBHOOK, {"webhook": None}, Verdict.PROBLEM, "no MutatingWebhookConfiguration"),
    (Check.WEBHOOK, {"webhook": Webhook(trusted=False, failure_policy="Fail")}, Verdict.PROBLEM, "authority"),
    (Check.WEBHOOK, {"webhook": Webhook(trusted=True, failure_policy="Ignore")}, Verdict.WARNING, "Ignore"),
    (Check.WEBHOOK, {"probe": ProbeResult(Probe.ADMITTED)}, Verdict.PROBLEM, "is not asked"),
    (Check.WEBHOOK, {"probe": ProbeResult(Probe.UNREACHABLE, "no route")}, Verdict.PROBLEM, "no route"),
    (Check.WEBHOOK, {"probe": ProbeResult(Probe.UNAVAILABLE, "S3 is away")}, Verdict.PROBLEM, "S3 is away"),
    (Check.CERTIFICATES, {"certificates": (Certificate("dagy-api", NOW + timedelta(days=3)),)}, Verdict.WARNING, "ends in 3 days"),
    (Check.CERTIFICATES, {"certificates": (Certificate("dagy-api", NOW),)}, Verdict.PROBLEM, "has ended"),
    (Check.NETWORK_POLICY, {"walls": False}, Verdict.PROBLEM, "nothing enforces"),
    (Check.CLOCK, {"clock": -45.0}, Verdict.WARNING, "45 s behind"),
    (Check.CLOCK, {"clock": 900.0}, Verdict.PROBLEM, "900 s ahead of"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "changed", "verdict", "words"), FAULTS)
def test_a_fault_is_named_with_what_to_do(check: Check, changed: dict[str, Any], verdict: Verdict, words: str) -> None:
    (bad,) = [finding for finding in findings(check, **changed) if finding.verdict is not Verdict.OK]
    assert bad.verdict is verdict
    assert words in bad.message
    assert bad.action
    assert is_well(judge(replace(SOUND, **changed), CRDS, NOW)) is (verdict is not Verdict.PROBLEM)


def test_where_nobody_searches_no_index_is_needed() -> None:
    (only,) = findings(Check.INDEX, index=None)
    assert only.verdict is Verdict.OK


def test_no_registry_is_needed() -> None:
    (only,) = findings(Check.REGISTRY, registry=Registry())
    assert (only.verdict, only.message) == (Verdict.OK, "There is no registry for images.")


def test_crds_of_a_later_release_will_do() -> None:
    later = copy.deepcopy(CRDS["deppackages.dagy.io"])
    later["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["new"] = {
        "type": "string"
    }
    assert not missing_fields(CRDS["deppackages.dagy.io"], later)
    assert missing_fields(later, CRDS["deppackages.dagy.io"]) == ["spec.new"]


def test_crds_without_our_version_lack_it() -> None:
    other = {"spec": {"versions": [{"name": "v0"}]}}
    assert missing_fields(CRDS["deppackages.dagy.io"], other) == ["version v1"]
