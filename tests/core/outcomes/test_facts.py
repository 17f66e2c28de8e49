"""What a Job's last step told counts before the kubelet reports that it ended, and nothing else does."""

from __future__ import annotations

from typing import Any

import pytest

from dagy.core.common.failure import Failure
from dagy.core.outcomes.diagnosis import Progress, Success, standing_of
from dagy.core.outcomes.facts import JobFact, last_step_running
from dagy.core.outcomes.step_outcomes import Complete, parse_outcome
from dagy_builder.contract import Fault, Step
from tests.fakes.facts import outcome
from tests.fakes.reported import ended, fact, running, waiting

Statuses = list[dict[str, object]]
BUILDING = [running("install"), running("package"), running("upload")]
INSTALLED = [ended("install"), running("package"), running("upload")]
REFUSED = outcome(Step.UPLOAD, reason="UploadRefused", fault=Fault.ADMINISTRATOR)


def heard(statuses: Statuses | None, said: str, kind: str, job: str = "j", **more: Any) -> JobFact:
    outcome = parse_outcome(said)
    return fact(statuses, kind=kind, said={job: outcome} if outcome else {}, **more)


@pytest.mark.parametrize(
    ("kind", "statuses", "said"),
    [
        ("validate", [running("resolve")], outcome(Step.RESOLVE)),
        ("build", INSTALLED, outcome(Step.UPLOAD)),
        ("build", BUILDING, outcome(Step.UPLOAD)),
    ],
)
def test_an_end_that_was_heard_is_an_end(kind: str, statuses: Statuses, said: str) -> None:
    standing = standing_of(heard(statuses, said, kind))
    assert isinstance(standing, Success)
    assert standing.outcome.to_text() == said


def test_a_failure_that_was_heard_is_that_failure() -> None:
    standing = standing_of(heard(INSTALLED, REFUSED, "build"))
    assert isinstance(standing, Failure)
    assert (standing.reason, standing.fault) == ("UploadRefused", Fault.ADMINISTRATOR)


@pytest.mark.parametrize(
    ("statuses", "said", "job"),
    [
        (INSTALLED, outcome(Step.UPLOAD), "another"),
        (INSTALLED, outcome(Step.PACKAGE), "j"),
        ([ended("install"), running("package"), waiting("upload", "PodInitializing")], outcome(Step.UPLOAD), "j"),
    ],
    ids=["another Job", "another step", "does not run"],
)
def test_what_else_is_heard_changes_nothing(statuses: Statuses, said: str, job: str) -> None:
    standing = standing_of(heard(statuses, said, "build", job))
    assert isinstance(standing, Progress)
    assert standing.step is Step.PACKAGE


def test_the_kubelets_report_counts_once_it_is_there() -> None:
    statuses = [ended("install"), ended("package"), ended("upload", 137, "OOMKilled")]
    assert isinstance(standing_of(heard(statuses, outcome(Step.UPLOAD), "build")), Failure)


@pytest.mark.parametrize(
    ("statuses", "more"),
    [
        (None, {"job_status": {"conditions": [{"type": "Failed", "status": "True", "reason": "PodLost"}]}}),
        (None, {}),
        ([running("resolve")], {"deleting": True}),
        (
            [running("resolve")],
            {"conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "DeletionByPodGC"}]},
        ),
    ],
    ids=["its Job has failed", "its Job does not know yet", "it is being deleted", "its node is gone"],
)
def test_a_pod_that_goes_after_it_was_heard_costs_nothing(statuses: Statuses | None, more: dict[str, Any]) -> None:
    job = heard(statuses, outcome(Step.RESOLVE), "validate", **more)
    assert isinstance(standing_of(job), Success)
    assert isinstance(job.result, Complete)
    unheard = standing_of(fact(statuses, kind="validate", **more))
    assert isinstance(unheard, Failure | Progress)


@pytest.mark.parametrize(
    ("kind", "statuses", "step"),
    [
        ("validate", [running("resolve")], Step.RESOLVE),
        ("build", INSTALLED, Step.UPLOAD),
        ("build", [running("install"), waiting("upload", "ContainerCreating")], None),
        ("build", [ended("install"), ended("package"), ended("upload")], None),
        ("other", [running("upload")], None),
        ("", [], None),
    ],
)
def test_whom_to_listen_to(kind: str, statuses: Statuses, step: Step | None) -> None:
    pod = {"metadata": {"name": "p", "labels": {"dagy.io/job": kind}}, "status": {"containerStatuses": statuses}}
    assert last_step_running(pod) is step
