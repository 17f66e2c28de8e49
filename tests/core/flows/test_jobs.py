"""Runs of flows: their Jobs, and how many of them stay."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dagy.core.attach.refusals import Refusal
from dagy.core.flows.facts import RunFact, runs_of, surplus_runs
from dagy.core.flows.jobs import nothing_to_run, run_name, run_of
from dagy.core.flows.plan import flow_plan_of
from dagy.core.flows.reasons import FlowReason
from dagy.model.flowstatus import Run, RunPhase
from tests.fakes.flows import SETTINGS, SLUG, deployment, kept


def test_a_run_manifest_is_restricted_and_pinned() -> None:
    obj = deployment(
        env=[{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}, {"name": "HOME", "value": "/data"}],
        retries=2, timeoutSeconds=60,
    )  # fmt: skip
    job = run_of(obj, kept(flow_plan_of(obj), 3).revision, "t1", SETTINGS.requests)
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
    refusal = nothing_to_run(deployment({"message": "No such package."}))
    assert refusal == Refusal(
        FlowReason.NOT_DEPLOYED, "Flow deployment team-a/etl has nothing to run yet: No such package."
    )


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


def job(name: str, revision: str = "1", owner: str = "u", *, controls: bool = True, **status: Any) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"dagy.io/revision": revision}}
    owners = [{"uid": owner, "controller": controls}] if owner else []
    return {"metadata": {**metadata, "ownerReferences": owners}, "status": status}


def test_a_job_that_only_says_so_is_no_run() -> None:
    """Labels are what anybody writes: runs are deleted past the limit, and keep their revision."""
    said = [job("nobodys", owner=""), job("anothers", owner="v"), job("not controlled", controls=False)]
    scheduled = job("scheduled", owner="c")
    assert runs_of([*said, scheduled], "u") == ()
    schedule = {"metadata": {"uid": "c", "ownerReferences": [{"uid": "u", "controller": True}]}}
    theirs = {"metadata": {"uid": "c", "ownerReferences": []}}
    assert runs_of([*said, scheduled], "u", cron_job=theirs) == ()
    (found,) = runs_of([*said, scheduled], "u", cron_job=schedule)
    assert (found.run.job_name, found.owned) == ("scheduled", False), "its CronJob cleans up"
