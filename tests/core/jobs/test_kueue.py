"""Whose queue a Job stands in, and what Kueue says about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from dagy.adapters.settings.operator import Settings
from dagy.core.jobs.kueue import QUEUE_LABEL, why_pending
from dagy.core.jobs.manifests import job_manifest
from dagy.core.package.decide import StartJob
from dagy.model.status import JobKind
from tests.core.jobs.test_manifests import SETTINGS
from tests.fakes.facts import SLUG, plan

FULL = "couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor default"
START = StartJob(JobKind.BUILD, SLUG, "0123456789abcdef", 1)
QUEUED = replace(SETTINGS, queue_name="builds")


def test_a_job_stands_in_the_queue_of_the_settings() -> None:
    made = job_manifest(plan(), START, QUEUED)
    assert made["metadata"]["labels"][QUEUE_LABEL] == "builds"
    assert QUEUE_LABEL not in made["spec"]["template"]["metadata"]["labels"]
    assert QUEUE_LABEL not in job_manifest(plan(), START, SETTINGS)["metadata"]["labels"]


def test_each_namespace_can_have_a_queue_of_its_own() -> None:
    made = job_manifest(plan(), START, replace(SETTINGS, queue_name="team-{namespace}"))
    assert made["metadata"]["labels"][QUEUE_LABEL] == f"team-{plan().key.namespace}"


@pytest.mark.parametrize(("name", "fits"), [("", True), ("builds", True), ("q-{namespace}", True), ("{team}", False)])
def test_the_setting_names_a_queue(name: str, fits: bool) -> None:
    if fits:
        assert Settings(s3_bucket="artifacts", builder_image="i", queue_name=name).queue_name == name
        return
    with pytest.raises(ValidationError, match="queue_name"):
        Settings(s3_bucket="artifacts", builder_image="i", queue_name=name)


def test_a_tombstone_stands_in_no_queue_and_never_gets_a_pod() -> None:
    made = job_manifest(plan(), replace(START, cancelled=True), QUEUED)
    assert QUEUE_LABEL not in made["metadata"]["labels"]
    assert (made["spec"]["suspend"], made["spec"]["parallelism"]) == (True, 0)


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        ([{"type": "QuotaReserved", "status": "False", "message": FULL}], FULL),
        ([{"type": "QuotaReserved", "status": "True", "message": "Quota reserved"}], ""),
        (
            [
                {"type": "QuotaReserved", "status": "False", "message": FULL},
                {"type": "Admitted", "status": "False", "message": "The workload has no reservation"},
            ],
            FULL,
        ),
        ([{"type": "Evicted", "status": "True", "message": "Preempted"}], ""),
        (None, ""),
    ],
)
def test_why_it_is_not_admitted(conditions: list[dict[str, Any]] | None, says: str) -> None:
    assert why_pending({"status": {"conditions": conditions}}) == says
    assert why_pending({}) == ""
